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
        CheckPriceVersion(state, applied.PriceVersion, catalog);
        HashSet<string> kept = [.. AccountsOf(catalog).Select(account => account.Name), state.Tenant.Name];
        CheckInUse(state, kept.Contains);
        bool keepsZone = catalog.TimeZone == state.Catalog.TimeZone;
        SetCatalog(state, catalog, applied.PriceVersion);
        state.CatalogItems = [.. CatalogItems.Of(catalog)];
        var tenant = (state.Tenant.Name, Windows(catalog.Budget, catalog.FurtherBudgets), AuditLadder.Other);
        Configure(
            state,
            [tenant, .. AccountsOf(catalog)],
            [(state.Tenant.Name, catalog.ModelBudgets, catalog.UserBudgets), .. PartAudit.PartsOf(catalog)],
            applied.PeriodEnds,
            keepsZone,
            static _ => true);
        ConfigureScopes(state, catalog);
    }

    /// <summary>The same for what a patch puts and removes; all else stays as it was.</summary>
    public static void Patch(AuditState state, CatalogPatched patched)
    {
        Catalog put = patched.Put ?? new Catalog();
        HashSet<string> removed = [.. patched.Removed];
        CheckPatch(state, patched, put);
        CheckInUse(state, account => !removed.Contains(account));
        Catalog catalog = After(state.Catalog, put, removed);
        if (state.IsEventClean) CheckPriceVersion(state, patched.PriceVersion, catalog);
        SetCatalog(state, catalog, patched.PriceVersion);
        state.CatalogItems.ExceptWith(removed);
        state.CatalogItems.UnionWith(CatalogItems.Of(put));
        HashSet<string> concerned = [.. AccountsOf(put).Select(account => account.Name), .. removed];
        Configure(
            state,
            [.. AccountsOf(put)],
            [.. PartAudit.PartsOf(put)],
            patched.PeriodEnds,
            keepsZone: true,
            concerned.Contains);
        ConfigureScopes(state, put);
    }

    // Of what is read of a catalog later: all but the accounts, which become as they are named at once.
    private static Catalog After(Catalog before, Catalog put, HashSet<string> removed)
    {
        var after = new Catalog
        {
            Tenant = before.Tenant,
            Currency = before.Currency,
            TimeZone = before.TimeZone,
            RefuseUnpricedItems = before.RefuseUnpricedItems,
            RequireProvenUsers = before.RequireProvenUsers,
            Tools = { CatalogItems.After(before.Tools, put.Tools, removed, CatalogItems.NameOf) },
            Prices = { CatalogItems.After(before.Prices, put.Prices, removed, CatalogItems.NameOf) },
            RegionalMultipliers =
            {
                CatalogItems.After(before.RegionalMultipliers, put.RegionalMultipliers, removed, CatalogItems.NameOf),
            },
            Skus = { CatalogItems.After(before.Skus, put.Skus, removed, CatalogItems.NameOf) },
        };
        foreach ((string tag, TagRule rule) in before.Tags.Concat(put.Tags)) after.Tags[tag] = rule;
        foreach (string tag in after.Tags.Keys.Where(tag => removed.Contains("tags/" + tag)).ToArray())
            after.Tags.Remove(tag);
        return after;
    }

    private static void CheckPatch(AuditState state, CatalogPatched patched, Catalog put)
    {
        if (patched.BaseVersion != 0 && patched.BaseVersion != state.CatalogVersion)
        {
            state.Find(
                AuditRule.CatalogPatch,
                $"it is of version {patched.BaseVersion}, and {state.CatalogVersion} was in force");
        }

        foreach (string item in patched.Removed.Where(item => !state.CatalogItems.Contains(item)))
            state.Find(AuditRule.CatalogPatch, $"it removes {item}, which is not there");
        HashSet<(CatalogChange.Types.Kind, string)> changes =
        [
            .. CatalogItems.Of(put).Select(item => (
                state.CatalogItems.Contains(item)
                    ? CatalogChange.Types.Kind.Changed
                    : CatalogChange.Types.Kind.Added,
                item)),
            .. patched.Removed.Select(item => (CatalogChange.Types.Kind.Removed, item)),
        ];
        if (state.IsEventClean && !changes.SetEquals(patched.Changes.Select(change => (change.Kind, change.Item))))
            state.Find(AuditRule.CatalogPatch, "the changes that it tells are not what it puts and removes");
    }

    private static void SetCatalog(AuditState state, Catalog catalog, long priceVersion)
    {
        if (priceVersion != state.Prices.Version) state.Prices = new AuditPrices(priceVersion, catalog);
        state.Catalog = catalog;
        state.CatalogVersion = state.Sequence;
        state.RequiredTags = [.. catalog.Tags.Where(tag => tag.Value.Required).Select(tag => tag.Key)];
    }

    // Makes accounts as they are named; concerned ones that are not leave.
    private static void Configure(
        AuditState state,
        IReadOnlyList<(string Name, IReadOnlyList<Budget> Budgets, AuditLadder Ladder)> accounts,
        IReadOnlyList<(string Owner, IReadOnlyList<ModelBudget> Models, UserBudgets? Users)> parts,
        IEnumerable<PeriodEnd> ends,
        bool keepsZone,
        Func<string, bool> isConcerned)
    {
        Dictionary<(string, string), AuditPeriod> periods = [];
        foreach (PeriodEnd end in ends)
        {
            periods[(end.Grain, end.Window)] = new AuditPeriod(
                AuditNumbers.OptionalNanosOf(end.EndTime), AuditNumbers.OptionalNanosOf(end.StartTime));
        }

        AuditAccount[] concerned =
            [.. state.Accounts.Values.Where(account => isConcerned(PartAudit.OwnerOf(account).Name))];
        HashSet<string> known = [.. concerned.Select(account => account.Name)];
        foreach (AuditAccount account in concerned) account.IsInCatalog = false;
        foreach ((string name, IReadOnlyList<Budget> budgets, AuditLadder ladder) in
            accounts.Concat(PartAudit.FamiliesOf(parts)))
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

        PartAudit.Configure(state, parts, known, periods, keepsZone, isConcerned);
        foreach (AuditAccount account in concerned.Where(account => !account.IsInCatalog))
        {
            account.ConfigureWindows([], AuditLadder.Ceiling, _ => default, state.Now);
            if (state.Agents.ContainsKey(account.Name)) state.Agents[account.Name] = new AuditAgent(new Agent());
        }

        state.MayForgetAccounts = true;
    }

    private static void ConfigureScopes(AuditState state, Catalog catalog)
    {
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

    private static void CheckPriceVersion(AuditState state, long version, Catalog catalog)
    {
        long expected = state.Prices.AreOf(catalog) ? state.Prices.Version : state.Prices.Version + 1;
        if (version != expected)
            state.Find(AuditRule.CatalogPrices, $"its price version is {version} and should be {expected}");
    }

    private static void CheckInUse(AuditState state, Func<string, bool> isKept)
    {
        HashSet<string> missed = [];
        foreach (AuditSession session in state.Sessions.Values)
        {
            if (!session.IsOpen && session.OpenHolds.Count == 0) continue;
            foreach (AuditAccount account in session.Above)
            {
                if (!isKept(account.Name) && missed.Add(account.Name))
                    state.Find(
                        AuditRule.CatalogInUse,
                        $"it removes {account.Name}, which {session.Spender.Session} refers to");
            }
        }
    }

    private static IEnumerable<(string Name, IReadOnlyList<Budget> Budgets, AuditLadder Ladder)> AccountsOf(
        Catalog catalog)
    {
        foreach (BusinessUnit unit in catalog.BusinessUnits)
            yield return ("businessUnits/" + unit.Id, Windows(unit.Budget, unit.FurtherBudgets), AuditLadder.Other);
        foreach (UseCase useCase in catalog.UseCases)
        {
            IReadOnlyList<Budget> windows = Windows(useCase.Budget, useCase.FurtherBudgets);
            yield return ("useCases/" + useCase.Id, windows, AuditLadder.UseCase);
        }

        foreach (Agent agent in catalog.Agents)
            yield return ("agents/" + agent.Id, Windows(agent.Budget, agent.FurtherBudgets), AuditLadder.Other);
    }

    /// <summary>The windows of a budget; none without one.</summary>
    internal static IReadOnlyList<Budget> Windows(Budget? budget, IEnumerable<Budget> further) =>
        budget is null ? [] : [budget, .. further];
}
