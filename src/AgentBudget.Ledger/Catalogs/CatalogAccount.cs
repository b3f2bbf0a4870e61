using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>An account as a catalog names it, with its budgets.</summary>
/// <param name="Name">The account's name.</param>
/// <param name="Entry">The entry that names it; the catalog for the tenant.</param>
/// <param name="Budget">The first window; null for no budget.</param>
/// <param name="Further">Further windows.</param>
/// <param name="Models">Budgets on models.</param>
/// <param name="Users">Budgets of users; null for none.</param>
internal readonly record struct CatalogAccount(
    string Name,
    IMessage Entry,
    Protocol.V1.Budget? Budget,
    IReadOnlyList<Protocol.V1.Budget> Further,
    IReadOnlyList<ModelBudget> Models,
    UserBudgets? Users)
{
    /// <summary>The tenant's own.</summary>
    public static CatalogAccount OfTenant(string name, Catalog catalog) =>
        new(name, catalog, catalog.Budget, catalog.FurtherBudgets, catalog.ModelBudgets, catalog.UserBudgets);

    /// <summary>Those of the lists, in the catalog's order.</summary>
    public static IEnumerable<CatalogAccount> Of(Catalog catalog)
    {
        foreach (BusinessUnit unit in catalog.BusinessUnits)
        {
            yield return new CatalogAccount(
                Names.BusinessUnitPrefix + unit.Id,
                unit, unit.Budget, unit.FurtherBudgets, unit.ModelBudgets, unit.UserBudgets);
        }

        foreach (UseCase useCase in catalog.UseCases)
        {
            yield return new CatalogAccount(
                Names.UseCasePrefix + useCase.Id,
                useCase, useCase.Budget, useCase.FurtherBudgets, useCase.ModelBudgets, useCase.UserBudgets);
        }

        foreach (Agent agent in catalog.Agents)
        {
            yield return new CatalogAccount(
                Names.AgentPrefix + agent.Id,
                agent, agent.Budget, agent.FurtherBudgets, agent.ModelBudgets, agent.UserBudgets);
        }
    }
}
