using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>
/// The present period of a window as a catalog's event says; null for no end, and for a window that stays.
/// </summary>
internal readonly record struct AuditPeriod(Int128? End, Int128? Start);

/// <summary>What a catalog may change, and what it makes of the accounts.</summary>
internal static class CatalogAudit
{
    public static void Apply(AuditState state, CatalogApplied applied)
    {
        Catalog catalog = applied.Catalog ?? new Catalog();
        CheckIdentity(state, catalog);
        CheckPrices(state, applied, catalog);
        CheckInUse(state, catalog);
        bool keepsZone = catalog.TimeZone == state.Catalog.TimeZone;
        if (applied.PriceVersion != state.Prices.Version)
            state.Prices = new AuditPrices(applied.PriceVersion, catalog);
        state.Catalog = catalog;
        state.RequiredTags = [.. catalog.Tags.Where(tag => tag.Value.Required).Select(tag => tag.Key)];

        Dictionary<(string, string), AuditPeriod> periods = [];
        foreach (PeriodEnd end in applied.PeriodEnds)
        {
            periods[(end.Grain, end.Window)] = new AuditPeriod(
                AuditNumbers.OptionalNanosOf(end.EndTime), AuditNumbers.OptionalNanosOf(end.StartTime));
        }

        HashSet<string> known = [.. state.Accounts.Keys];
        foreach (AuditAccount account in state.Accounts.Values) account.IsInCatalog = false;
        foreach ((string name, IReadOnlyList<Budget> budgets, AuditLadder ladder) in AccountsOf(state, catalog))
        {
            AuditAccount account = state.GetOrAddAccount(name);
            account.IsInCatalog = true;
            foreach (Budget budget in budgets) BudgetAudit.CheckPeriod(state, account, budget, periods, keepsZone);
            account.ConfigureWindows(
                budgets,
                ladder,
                window => periods.GetValueOrDefault((name, window)),
                state.Now);
        }

        PartAudit.Configure(state, catalog, known, periods, keepsZone);
        foreach (AuditAccount account in state.Accounts.Values.Where(account => !account.IsInCatalog))
        {
            account.ConfigureWindows([], AuditLadder.Ceiling, _ => default, state.Now);
            if (state.Agents.ContainsKey(account.Name)) state.Agents[account.Name] = new AuditAgent(new Agent());
        }

        state.MayForgetAccounts = true;
        foreach (Agent agent in catalog.Agents) state.Agents["agents/" + agent.Id] = new AuditAgent(agent);
        foreach (UseCase useCase in catalog.UseCases) state.UseCases["useCases/" + useCase.Id] = useCase;
        // A session is limited by those above it, as they are now.
        foreach (AuditSession session in state.Sessions.Values.OrderBy(session => session.Depth))
            Refresh(state, session);
    }

    private static void Refresh(AuditState state, AuditSession session)
    {
        if (state.Agents.TryGetValue(session.Spender.Agent, out AuditAgent? agent)) session.Agent = agent;
        if (state.UseCases.TryGetValue(session.Spender.UseCase, out UseCase? useCase)) session.UseCase = useCase;
        session.Narrow();
    }

    private static void CheckIdentity(AuditState state, Catalog catalog)
    {
        if (catalog.Tenant != state.TenantId)
            state.Find(AuditRule.CatalogIdentity, $"its catalog is that of tenant '{catalog.Tenant}'");
        if (state.Catalog.Currency.Length > 0 && catalog.Currency != state.Catalog.Currency)
        {
            state.Find(
                AuditRule.CatalogIdentity,
                $"its currency is {catalog.Currency} and was {state.Catalog.Currency} before");
        }
    }

    private static void CheckPrices(AuditState state, CatalogApplied applied, Catalog catalog)
    {
        long expected = state.Prices.AreOf(catalog) ? state.Prices.Version : state.Prices.Version + 1;
        if (applied.PriceVersion != expected)
            state.Find(
                AuditRule.CatalogPrices, $"its price version is {applied.PriceVersion} and should be {expected}");
    }

    private static void CheckInUse(AuditState state, Catalog catalog)
    {
        HashSet<string> kept = [.. AccountsOf(state, catalog).Select(account => account.Name)];
        HashSet<string> missed = [];
        foreach (AuditSession session in state.Sessions.Values)
        {
            if (!session.IsOpen && session.OpenHolds.Count == 0) continue;
            foreach (AuditAccount account in session.Above)
            {
                if (!kept.Contains(account.Name) && missed.Add(account.Name))
                    state.Find(
                        AuditRule.CatalogInUse,
                        $"it removes {account.Name}, which {session.Spender.Session} refers to");
            }
        }
    }

    private static IEnumerable<(string Name, IReadOnlyList<Budget> Budgets, AuditLadder Ladder)> AccountsOf(
        AuditState state, Catalog catalog)
    {
        yield return (state.Tenant.Name, Windows(catalog.Budget, catalog.FurtherBudgets), AuditLadder.Other);
        foreach (BusinessUnit unit in catalog.BusinessUnits)
            yield return ("businessUnits/" + unit.Id, Windows(unit.Budget, unit.FurtherBudgets), AuditLadder.Other);
        foreach (UseCase useCase in catalog.UseCases)
        {
            IReadOnlyList<Budget> windows = Windows(useCase.Budget, useCase.FurtherBudgets);
            yield return ("useCases/" + useCase.Id, windows, AuditLadder.UseCase);
        }

        foreach (Agent agent in catalog.Agents)
            yield return ("agents/" + agent.Id, Windows(agent.Budget, agent.FurtherBudgets), AuditLadder.Other);
        foreach ((string owner, ModelBudget model) in PartAudit.FamiliesOf(state, catalog))
        {
            IReadOnlyList<Budget> windows = Windows(model.Budget, model.FurtherBudgets);
            yield return (PartAudit.NameOf(owner, model), windows, AuditLadder.Other);
        }
    }

    private static IReadOnlyList<Budget> Windows(Budget? budget, IEnumerable<Budget> further) =>
        budget is null ? [] : [budget, .. further];
}
