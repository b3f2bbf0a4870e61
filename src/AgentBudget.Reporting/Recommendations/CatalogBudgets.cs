using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Recommendations;

/// <summary>Money limits of a catalog.</summary>
internal static class CatalogBudgets
{
    /// <summary>The limit of a grain's window, by its period; null for none.</summary>
    /// <param name="catalog">The catalog.</param>
    /// <param name="grain">A tenant, business unit, use case or agent.</param>
    /// <param name="window">"month"; null or empty for the grain's first.</param>
    public static Int128? LimitOf(Catalog catalog, string grain, string? window)
    {
        (string kind, string id) = grain.Split('/') is [string of, string name] ? (of, name) : ("", "");
        IEnumerable<Budget?> budgets = kind switch
        {
            "tenants" when id == catalog.Tenant => [catalog.Budget, .. catalog.FurtherBudgets],
            "businessUnits" => catalog.BusinessUnits.Where(unit => unit.Id == id)
                .SelectMany(unit => unit.FurtherBudgets.Prepend(unit.Budget)),
            "useCases" => catalog.UseCases.Where(useCase => useCase.Id == id)
                .SelectMany(useCase => useCase.FurtherBudgets.Prepend(useCase.Budget)),
            "agents" => catalog.Agents.Where(agent => agent.Id == id)
                .SelectMany(agent => agent.FurtherBudgets.Prepend(agent.Budget)),
            _ => [],
        };
        Budget? budget = string.IsNullOrEmpty(window)
            ? budgets.FirstOrDefault()
            : budgets.FirstOrDefault(one => one is not null && NameOf(one.Period) == window);
        return budget?.Limit is { } limit ? ReportTerms.NanosOf(limit) : null;
    }

    private static string NameOf(Period period) => period.ToString().ToLowerInvariant();
}
