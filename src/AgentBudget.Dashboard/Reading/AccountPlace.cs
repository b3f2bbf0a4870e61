using AgentBudget.Protocol.V1;

namespace AgentBudget.Dashboard.Reading;

/// <summary>One account of a tenant and where it stands in the tree.</summary>
/// <param name="Grain">Its name.</param>
/// <param name="Depth">How far below the tenant.</param>
/// <param name="HasBudget">Whether the catalog limits it.</param>
/// <param name="Tiers">Percents at which something happens.</param>
internal sealed record AccountPlace(string Grain, int Depth, bool HasBudget, IReadOnlyList<int> Tiers)
{
    private static readonly int[] UsualTiers = [50, 80, 100, 110];

    /// <summary>Everything of a catalog: the tenant, then each unit with its use cases and agents.</summary>
    internal static IEnumerable<AccountPlace> Of(Catalog catalog)
    {
        yield return Place($"tenants/{catalog.Tenant}", 0, catalog.Budget);
        foreach (BusinessUnit unit in catalog.BusinessUnits)
        {
            yield return Place($"businessUnits/{unit.Id}", 1, unit.Budget);
            foreach (UseCase useCase in catalog.UseCases.Where(one => one.BusinessUnit == unit.Id))
                yield return Place($"useCases/{useCase.Id}", 2, useCase.Budget);
            foreach (Agent agent in catalog.Agents.Where(one => one.BusinessUnit == unit.Id))
                yield return Place($"agents/{agent.Id}", 2, agent.Budget);
        }
    }

    /// <summary>The units and use cases that sessions were charged to.</summary>
    internal static IEnumerable<AccountPlace> Of(IReadOnlyList<Session> sessions)
    {
        foreach (IGrouping<string, Session> unit in sessions.GroupBy(session => session.BusinessUnit).OrderBy(
            unit => unit.Key, StringComparer.Ordinal))
        {
            yield return new AccountPlace(unit.Key, 0, HasBudget: true, UsualTiers);
            foreach (string useCase in unit.Select(session => session.UseCase).Distinct().Order(StringComparer.Ordinal))
                yield return new AccountPlace(useCase, 1, HasBudget: true, UsualTiers);
        }
    }

    private static AccountPlace Place(string grain, int depth, Budget? budget) => new(
        grain,
        depth,
        budget is not null,
        budget is { Tiers.Count: > 0 } ? [.. budget.Tiers.Select(tier => tier.AtPercent)] : UsualTiers);
}
