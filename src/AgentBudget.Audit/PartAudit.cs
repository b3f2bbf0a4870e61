using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>
/// Budgets of an account on models and of its users: accounts of their own on the path of what they count.
/// </summary>
internal static class PartAudit
{
    /// <summary>The budgets on models of accounts, as accounts of their own.</summary>
    public static IEnumerable<(string Name, IReadOnlyList<Budget> Budgets, AuditLadder Ladder)> FamiliesOf(
        IEnumerable<(string Owner, IReadOnlyList<ModelBudget> Models, UserBudgets? Users)> parts) =>
        from part in parts
        from model in part.Models
        select (
            NameOf(part.Owner, model), CatalogAudit.Windows(model.Budget, model.FurtherBudgets), AuditLadder.Other);

    /// <summary>The parts of every account that a catalog's lists name.</summary>
    public static IEnumerable<(string Owner, IReadOnlyList<ModelBudget> Models, UserBudgets? Users)> PartsOf(
        Catalog catalog)
    {
        foreach (BusinessUnit unit in catalog.BusinessUnits)
            yield return ("businessUnits/" + unit.Id, unit.ModelBudgets, unit.UserBudgets);
        foreach (UseCase useCase in catalog.UseCases)
            yield return ("useCases/" + useCase.Id, useCase.ModelBudgets, useCase.UserBudgets);
        foreach (Agent agent in catalog.Agents)
            yield return ("agents/" + agent.Id, agent.ModelBudgets, agent.UserBudgets);
    }

    public static string NameOf(string owner, ModelBudget budget) => $"{owner}/models/{budget.Models}";

    /// <summary>The account that one is a part of; itself for a whole one.</summary>
    public static AuditAccount OwnerOf(AuditAccount account) =>
        account.User.Length > 0 || account.Pattern.Length > 0 ? account.Of ?? account : account;

    /// <summary>Takes over parts, once all whole accounts are as they are named.</summary>
    /// <param name="state">The state.</param>
    /// <param name="parts">Parts of accounts that a catalog or a patch names.</param>
    /// <param name="known">Accounts that were there before.</param>
    /// <param name="periods">Periods as the event says.</param>
    /// <param name="keepsZone">Whether the time zone stays.</param>
    /// <param name="isConcerned">Whether an account may change with it, by name.</param>
    public static void Configure(
        AuditState state,
        IEnumerable<(string Owner, IReadOnlyList<ModelBudget> Models, UserBudgets? Users)> parts,
        IReadOnlySet<string> known,
        Dictionary<(string, string), AuditPeriod> periods,
        bool keepsZone,
        Func<string, bool> isConcerned)
    {
        foreach (AuditAccount account in state.Accounts.Values.Where(account => isConcerned(account.Name)))
            (account.Families, account.Users) = ([], null);
        foreach ((string owner, IReadOnlyList<ModelBudget> models, UserBudgets? users) in parts)
        {
            AuditAccount account = state.GetOrAddAccount(owner);
            account.Users = users;
            foreach (ModelBudget budget in models)
            {
                AuditAccount family = state.GetOrAddAccount(NameOf(owner, budget));
                foreach (AuditAccount window in family.Windows) (window.Of, window.Pattern) = (account, budget.Models);
                account.Families.Add(family);
            }
        }

        AuditAccount[] all =
        [
            .. state.Accounts.Values.Where(
                account => account.User.Length > 0 && isConcerned(OwnerOf(account).Name)),
        ];
        foreach (AuditAccount user in all)
        {
            IReadOnlyList<Budget> windows = user.Of is { IsInCatalog: true } of ? WindowsOf(of, user.User) : [];
            user.IsInCatalog = windows.Count > 0;
            // One that nobody works for may be forgotten by now: then its periods are not told.
            bool isTold = windows.Any(window => periods.ContainsKey((user.Name, AuditAccount.WindowOf(window))));
            if (user.IsIdle && !isTold && windows.Any(HasCalendar)) state.Accounts.Remove(user.Name);
            else if (user.IsInCatalog)
                Configure(state, user, windows, periods, keepsZone, checks: isTold || !user.IsIdle);
        }

        AuditSession[] sessions =
            [.. state.Sessions.Values.Where(session => session.Above.Any(owner => isConcerned(owner.Name)))];
        foreach (AuditSession session in sessions)
            LeadOver(state, session, windows: null, periods, keepsZone);
        foreach (AuditAccount user in all.Where(user => user is { IsInCatalog: false, Sessions: 0 }))
            state.Accounts.Remove(user.Name);
        AuditAccount[] families =
        [
            .. state.Accounts.Values.Where(
                account => account.Pattern.Length > 0 && isConcerned(OwnerOf(account).Name)),
        ];
        foreach (AuditAccount family in families)
        {
            if (!family.IsInCatalog) state.Accounts.Remove(family.Name);
            else if (!known.Contains(family.Name)) Adopt(state, family);
        }
    }

    /// <summary>A user's session begins: windows that it says begin with it are those that were not there.</summary>
    public static void Open(AuditState state, AuditSession session)
    {
        IReadOnlyList<UserWindow> windows = session.Opened.UserWindows;
        // Who was forgotten begins anew.
        foreach (UserWindow window in windows)
        {
            if (state.Accounts.GetValueOrDefault(window.Grain) is { IsIdle: true }) state.Accounts.Remove(window.Grain);
        }

        HashSet<string> known = [.. state.Accounts.Keys];
        IEnumerable<string> should = OwnersOf(session)
            .Select(owner => (Name: UserOf(owner, session), Windows: WindowsOf(owner, session.Spender.OnBehalfOf)))
            .Where(user => !known.Contains(user.Name))
            .SelectMany(user => user.Windows.Select(budget => $"{user.Name} {AuditAccount.WindowOf(budget)}"));
        if (!should.SequenceEqual(windows.Select(window => $"{window.Grain} {window.Window}")))
            state.Find(AuditRule.PeriodEnd, $"{string.Join(", ", should)} begin with it, and it says {windows}");
        Dictionary<(string, string), AuditPeriod> periods = [];
        foreach (UserWindow window in windows)
        {
            periods[(window.Grain, window.Window)] =
                new AuditPeriod(AuditNumbers.OptionalNanosOf(window.EndTime), Start: null);
        }

        LeadOver(state, session, windows, periods, keepsZone: true);
    }

    /// <summary>The accounts beside whom usage in dispute stands, and parts of them that it concerns.</summary>
    public static AuditAccount[] SharedOf(AuditState state, AuditDispute dispute) =>
        [.. dispute.Shared, .. dispute.Shared.SelectMany(owner => PartsOf(state, owner, dispute))];

    /// <summary>The agent of usage in dispute, and the parts of it that were charged.</summary>
    public static AuditAccount[] AgentsOf(AuditState state, AuditDispute dispute) =>
        [dispute.Agent, .. PartsOf(state, dispute.Agent, dispute)];

    /// <summary>What of a charge counts on a budget on models.</summary>
    public static AuditAmount ShareOf(AuditAccount family, ReservationSettled? settled)
    {
        if (settled is null) return default;
        var whole = new AuditAmount(settled.CostNanos, settled.Tokens);
        bool isFirst = family.CountsModel(settled.Model) || family.CountsModel(settled.PricedAs);
        if (settled.Parts.Count == 0 || settled.HasOwnCostNanos || settled.Disputed) return isFirst ? whole : default;
        AuditAmount all = default;
        AuditAmount here = default;
        foreach (SettledPart part in settled.Parts)
        {
            var amount = new AuditAmount(part.CostNanos, AuditTokens.Of(part.Usage).Total);
            all += amount;
            if (family.CountsModel(part.Model) || family.CountsModel(part.PricedAs)) here += amount;
        }

        return isFirst ? here with { Nanos = here.Nanos + whole.Nanos - all.Nanos } : here;
    }

    private static IEnumerable<AuditAccount> PartsOf(AuditState state, AuditAccount owner, AuditDispute dispute)
    {
        string user = dispute.Spender.OnBehalfOf;
        if (user.Length > 0 && state.Accounts.TryGetValue($"{owner.Name}/users/{user}", out AuditAccount? ofUser))
            yield return ofUser;
        foreach (AuditAccount family in owner.Families)
        {
            if (family.CountsModel(dispute.Model) || family.CountsModel(dispute.PricedAs)) yield return family;
        }
    }

    // A path leads over the user's budgets that there are now: what is held and in dispute counts on new ones.
    private static void LeadOver(
        AuditState state,
        AuditSession session,
        IReadOnlyList<UserWindow>? windows,
        Dictionary<(string, string), AuditPeriod> periods,
        bool keepsZone)
    {
        List<AuditAccount> users = [];
        foreach (AuditAccount owner in OwnersOf(session))
        {
            IReadOnlyList<Budget> budgets = WindowsOf(owner, session.Spender.OnBehalfOf);
            if (budgets.Count == 0) continue;
            string name = UserOf(owner, session);
            bool isKnown = state.Accounts.ContainsKey(name);
            AuditAccount user = state.GetOrAddAccount(name);
            (user.Of, user.User) = (owner, session.Spender.OnBehalfOf);
            if (!isKnown) AdoptDisputes(state, user);
            if (!user.IsInCatalog)
            {
                user.IsInCatalog = true;
                Configure(state, user, budgets, periods, keepsZone, checks: true);
            }

            users.Add(user);
        }

        bool isNew = windows is not null;
        AuditAmount held = default;
        foreach (long hold in session.OpenHolds) held += state.Holds[hold].Held;
        foreach (AuditAccount left in session.UserAccounts.Except(users).ToArray())
        {
            foreach (AuditAccount window in left.Windows) window.Unhold(held);
            left.Sessions--;
            state.MayForgetAccounts = true;
        }

        foreach (AuditAccount entered in users.Except(session.UserAccounts).ToArray())
        {
            foreach (AuditAccount window in entered.Windows) window.Hold(held);
            // The path of a session that is new is counted as a whole.
            if (!isNew) entered.Sessions++;
        }

        session.UserAccounts = users;
    }

    private static void Configure(
        AuditState state,
        AuditAccount user,
        IReadOnlyList<Budget> budgets,
        Dictionary<(string, string), AuditPeriod> periods,
        bool keepsZone,
        bool checks)
    {
        // Where its windows are not told at all, their periods are not asked about.
        foreach (Budget budget in budgets.Where(_ => checks && state.IsEventClean))
            BudgetAudit.CheckPeriod(state, user, budget, periods, keepsZone);
        user.ConfigureWindows(
            budgets,
            AuditLadder.Other,
            window => periods.GetValueOrDefault((user.Name, window)),
            state.Now);
    }

    private static void Adopt(AuditState state, AuditAccount family)
    {
        foreach (AuditHold hold in state.Holds.Values.Where(hold => hold.IsHeld && family.CountsModel(hold.Model)))
        {
            if (!OwnersOf(hold.Session).Contains(family.Of)) continue;
            foreach (AuditAccount window in family.Windows) window.Hold(hold.Held);
        }

        AdoptDisputes(state, family);
    }

    private static void AdoptDisputes(AuditState state, AuditAccount part)
    {
        foreach (AuditDispute dispute in state.Disputes.Values)
        {
            if (!SharedOf(state, dispute).Contains(part)) continue;
            part.Sessions++;
            foreach (AuditAccount window in part.Windows) window.StartDispute(dispute.Amount);
        }
    }

    private static bool HasCalendar(Budget budget) =>
        budget.Period is not (Period.Unspecified or Period.None or Period.Rolling);

    private static AuditAccount[] OwnersOf(AuditSession session) =>
        [.. session.Above];

    private static string UserOf(AuditAccount owner, AuditSession session) =>
        $"{owner.Name}/users/{session.Spender.OnBehalfOf}";

    private static IReadOnlyList<Budget> WindowsOf(AuditAccount owner, string user)
    {
        if (user.Length == 0 || owner.Users is not { } rules) return [];
        UserBudget? named = rules.Users.LastOrDefault(rule => rule.User == user);
        (Budget? budget, IEnumerable<Budget> further) = named is null
            ? (rules.Budget, rules.FurtherBudgets)
            : (named.Budget, named.FurtherBudgets);
        return budget is null ? [] : [budget, .. further];
    }
}
