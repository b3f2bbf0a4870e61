using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.BusinessUnits;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Ledger.UseCases;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>
/// Makes the tenant as a catalog says. Whole or not at all: one fault refuses it. Usage survives every change; what
/// open sessions or holds refer to cannot be removed.
/// </summary>
internal static class ApplyCatalog
{
    // Sessions named in a fault; the rest are counted.
    private const int SessionsNamedMax = 3;

    public static Answer Handle(TenantLedger ledger, ApplyCatalogCommand command)
    {
        ApplyCatalogRequest request = command.Request;
        AskedRequest asked = new ContentHash(Operation.ApplyCatalog)
            .Add(request.Document)
            .Add((long)request.Format)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (!request.DryRun && ledger.TryAnswer(asked, out Answer again)) return again;

        List<Fault> faults = CatalogRules.Check(command.Catalog);
        CheckIdentity(ledger, command.Catalog, faults);
        if (faults.Count > 0) return new Answer(Outcome.CatalogInvalid, Faults: faults);
        List<Fault> inUse = FindInUse(ledger, command.Catalog);
        if (inUse.Count > 0) return new Answer(Outcome.CatalogInUse, Faults: inUse);

        var applied = new CatalogApplied
        {
            Catalog = command.Catalog,
            Document = request.Document,
            Format = request.Format == CatalogFormat.Unspecified ? CatalogFormat.Yaml : request.Format,
            PriceVersion = ledger.Catalog.Book.Version,
        };
        applied.Changes.Add(CatalogDiff.Between(ledger.Catalog.Source, command.Catalog));
        applied.Notices.Add(command.Notices);
        if (!HasSamePrices(command.Catalog, ledger.Catalog.Book)) applied.PriceVersion++;
        AddPeriodEnds(ledger, applied);
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.CatalogApplied = applied;
        if (!request.DryRun && applied.Changes.Count > 0) ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, CatalogApplied applied)
    {
        Catalog catalog = applied.Catalog;
        Dictionary<(string, string), PeriodBounds> bounds = applied.PeriodEnds.ToDictionary(
            end => (end.Grain, end.Window),
            end => new PeriodBounds(
                LogTime.FromOptionalTimestamp(end.EndTime),
                end.StartTime is null ? null : LogTime.FromTimestamp(end.StartTime)));
        PriceBook book = applied.PriceVersion == ledger.Catalog.Book.Version
            ? ledger.Catalog.Book
            : new PriceBook(applied.PriceVersion, catalog);
        ledger.SetCatalog(new CatalogModel(applied, book));
        foreach (Account account in ledger.Accounts.Values)
        {
            account.IsInCatalog = false;
            (account.Families, account.UserLimits) = ([], UserLimits.None);
        }

        List<ModelAccount> newFamilies = Configure(ledger, catalog, bounds);
        ledger.ConfigureUsers((account, window) => bounds.GetValueOrDefault((account, window)));
        foreach (Account account in ledger.Accounts.Values.Where(account => !account.IsInCatalog).ToArray())
        {
            ledger.RemoveBudgetDeadlines(account);
            account.Configure([], TierLadder.Plain, static _ => default, ledger.LogTimeNanos);
            if (account is AgentAccount agent) agent.Configure(new Agent());
            SetDeadlines(ledger, account);
            ledger.DropIfUnused(account);
        }

        // In the order of their opening, so that each finds the ceilings of the one above it as they are now.
        foreach (SessionAccount session in ledger.SessionsAndArchived.OrderBy(session => session.Number))
            session.NarrowCeilings();
        foreach (ModelAccount family in newFamilies) ledger.Adopt(family);
    }

    private static bool HasSamePrices(Catalog next, PriceBook present) =>
        SameMessage.Are(next.Prices, present.Prices) && SameMessage.Are(next.Skus, present.Skus)
        && SameMessage.Are(next.Tools, present.Tools)
        && SameMessage.Are(next.RegionalMultipliers, present.Regions);

    // Answers the budgets on models that are new.
    private static List<ModelAccount> Configure(
        TenantLedger ledger, Catalog catalog, Dictionary<(string, string), PeriodBounds> bounds)
    {
        List<ModelAccount> newFamilies = [];
        Set(ledger.Tenant, catalog.Budget, catalog.FurtherBudgets, TierLadder.Default);
        SetParts(ledger.Tenant, catalog.ModelBudgets, catalog.UserBudgets);
        foreach (BusinessUnit unit in catalog.BusinessUnits)
        {
            string name = Names.BusinessUnitPrefix + unit.Id;
            Account account = ledger.GetOrAdd(name, static name => new BusinessUnitAccount(name));
            Set(account, unit.Budget, unit.FurtherBudgets, TierLadder.Default);
            SetParts(account, unit.ModelBudgets, unit.UserBudgets);
        }

        foreach (UseCase useCase in catalog.UseCases)
        {
            string name = Names.UseCasePrefix + useCase.Id;
            var account = (UseCaseAccount)ledger.GetOrAdd(name, static name => new UseCaseAccount(name));
            account.Configure(useCase);
            Set(account, useCase.Budget, useCase.FurtherBudgets, TierLadder.UseCaseDefault);
            SetParts(account, useCase.ModelBudgets, useCase.UserBudgets);
        }

        foreach (Agent agent in catalog.Agents)
        {
            string name = Names.AgentPrefix + agent.Id;
            var account = (AgentAccount)ledger.GetOrAdd(name, static name => new AgentAccount(name));
            account.Configure(agent);
            Set(account, agent.Budget, agent.FurtherBudgets, TierLadder.Default);
            SetParts(account, agent.ModelBudgets, agent.UserBudgets);
        }

        return newFamilies;

        void SetParts(Account account, IReadOnlyList<ModelBudget> models, UserBudgets? users)
        {
            if (users is not null) account.UserLimits = new UserLimits(users);
            if (models.Count == 0) return;
            var families = new ModelAccount[models.Count];
            for (int place = 0; place < families.Length; place++)
            {
                string name = Names.Models(account.Name, models[place].Models);
                bool isNew = !ledger.Accounts.ContainsKey(name);
                families[place] =
                    (ModelAccount)ledger.GetOrAdd(name, _ => new ModelAccount(name, account, models[place].Models));
                if (isNew) newFamilies.Add(families[place]);
                Set(families[place], models[place].Budget, models[place].FurtherBudgets, TierLadder.Default);
            }

            account.Families = families;
        }

        void Set(
            Account account,
            Protocol.V1.Budget? rule,
            IReadOnlyList<Protocol.V1.Budget> further,
            TierLadder defaultLadder)
        {
            account.IsInCatalog = true;
            ledger.RemoveBudgetDeadlines(account);
            account.Configure(
                rule is null ? [] : [rule, .. further],
                defaultLadder,
                window => bounds.GetValueOrDefault((account.Name, window)),
                ledger.LogTimeNanos);
            SetDeadlines(ledger, account);
        }
    }

    private static void SetDeadlines(TenantLedger ledger, Account account)
    {
        foreach (Window window in account.Windows) ledger.SetBudgetDeadlines(window);
    }

    private static void CheckIdentity(TenantLedger ledger, Catalog catalog, List<Fault> faults)
    {
        if (catalog.Tenant.Length > 0 && catalog.Tenant != ledger.TenantId)
            faults.Add(new Fault("tenant", $"must be {ledger.TenantId}, the tenant that it is applied to"));
        if (ledger.Catalog.IsApplied && catalog.Currency != ledger.Catalog.Currency)
            faults.Add(
                new Fault("currency", $"must stay {ledger.Catalog.Currency}: a tenant has one currency for ever"));
    }

    // Where a period stays as it was, so does its end.
    private static void AddPeriodEnds(TenantLedger ledger, CatalogApplied applied)
    {
        Catalog catalog = applied.Catalog;
        TimeZoneInfo zone = TimeZoneInfo.FindSystemTimeZoneById(catalog.TimeZone);
        Dictionary<string, UserLimits> limits = new(StringComparer.Ordinal);
        Add(ledger.Tenant.Name, catalog.Budget, catalog.FurtherBudgets);
        AddParts(ledger.Tenant.Name, catalog.ModelBudgets, catalog.UserBudgets);
        foreach (BusinessUnit unit in catalog.BusinessUnits)
        {
            Add(Names.BusinessUnitPrefix + unit.Id, unit.Budget, unit.FurtherBudgets);
            AddParts(Names.BusinessUnitPrefix + unit.Id, unit.ModelBudgets, unit.UserBudgets);
        }

        foreach (UseCase useCase in catalog.UseCases)
        {
            Add(Names.UseCasePrefix + useCase.Id, useCase.Budget, useCase.FurtherBudgets);
            AddParts(Names.UseCasePrefix + useCase.Id, useCase.ModelBudgets, useCase.UserBudgets);
        }

        foreach (Agent agent in catalog.Agents)
        {
            Add(Names.AgentPrefix + agent.Id, agent.Budget, agent.FurtherBudgets);
            AddParts(Names.AgentPrefix + agent.Id, agent.ModelBudgets, agent.UserBudgets);
        }

        foreach ((string name, string owner, string user) in KnownUsers(ledger, limits))
        {
            foreach (Protocol.V1.Budget window in limits[owner].Of(user)) AddWindow(name, window);
        }

        void AddParts(string account, IEnumerable<ModelBudget> models, UserBudgets? users)
        {
            foreach (ModelBudget model in models)
                Add(Names.Models(account, model.Models), model.Budget, model.FurtherBudgets);
            if (users is not null) limits[account] = new UserLimits(users);
        }

        void Add(string name, Protocol.V1.Budget? rule, IEnumerable<Protocol.V1.Budget> further)
        {
            if (rule is null) return;
            foreach (Protocol.V1.Budget window in further.Prepend(rule)) AddWindow(name, window);
        }

        // A rolling window moves by itself; where the period of a name stays as it was, so does its end.
        void AddWindow(string name, Protocol.V1.Budget rule)
        {
            string window = WindowName.Of(rule);
            Account? account = ledger.Accounts.GetValueOrDefault(name);
            Window? before = account?.FindWindow(window);
            bool stays = before is { IsRolling: false } && before.PeriodEndNanos != 0
                && catalog.TimeZone == ledger.Catalog.Source.TimeZone;
            long endNanos = stays ? before!.PeriodEndNanos : PeriodCalendar.EndAfter(rule, zone, ledger.Now);
            bool isNew = before is null && account?.History is { IsEmpty: false };
            if (endNanos == 0 && !isNew) return;
            applied.PeriodEnds.Add(new PeriodEnd
            {
                Grain = name,
                Window = window,
                EndTime = LogTime.ToOptionalTimestamp(endNanos),
                StartTime = isNew ? LogTime.ToTimestamp(PeriodCalendar.StartOf(rule, zone, ledger.Now)) : null,
            });
        }
    }

    // Users that have a budget with an account that limits them, or a session that will have: by name.
    private static SortedSet<(string Name, string Account, string User)> KnownUsers(
        TenantLedger ledger, Dictionary<string, UserLimits> limits)
    {
        var users = new SortedSet<(string Name, string Account, string User)>();
        if (limits.Count == 0) return users;
        foreach (UserAccount user in ledger.Accounts.Values.OfType<UserAccount>())
        {
            if (limits.ContainsKey(user.Of.Name)) users.Add((user.Name, user.Of.Name, user.User));
        }

        foreach (SessionAccount session in ledger.SessionsAndArchived)
        {
            string user = session.Spender.OnBehalfOf;
            if (user.Length == 0) continue;
            Account[] owners = [session.Agent, session.UseCase, session.BusinessUnit, ledger.Tenant];
            foreach (Account owner in owners)
            {
                if (limits.ContainsKey(owner.Name)) users.Add((Names.User(owner.Name, user), owner.Name, user));
            }
        }

        return users;
    }

    private static List<Fault> FindInUse(TenantLedger ledger, Catalog next)
    {
        HashSet<string> kept = new(StringComparer.Ordinal);
        foreach (BusinessUnit unit in next.BusinessUnits) kept.Add(Names.BusinessUnitPrefix + unit.Id);
        foreach (UseCase useCase in next.UseCases) kept.Add(Names.UseCasePrefix + useCase.Id);
        foreach (Agent agent in next.Agents) kept.Add(Names.AgentPrefix + agent.Id);
        kept.Add(ledger.Tenant.Name);

        var users = new SortedDictionary<string, List<SessionAccount>>(StringComparer.Ordinal);
        foreach (SessionAccount session in ledger.Sessions.Values)
        {
            if (!session.IsOpen && session.OpenHolds == 0) continue;
            foreach (Account account in session.Path[1..])
            {
                bool isWhole = account is not SessionAccount and not UserAccount;
                if (!isWhole || kept.Contains(account.Name)) continue;
                if (!users.TryGetValue(account.Name, out List<SessionAccount>? sessions))
                    users[account.Name] = sessions = [];
                sessions.Add(session);
            }
        }

        return [.. users.Select(user => InUse(user.Key, user.Value)), .. FindWithCredentials(ledger, kept)];
    }

    // Who leaves takes the keys along: an agent is decommissioned first, an owner's credential revoked.
    private static IEnumerable<Fault> FindWithCredentials(TenantLedger ledger, HashSet<string> kept) =>
        ledger.Credentials.All
            .Where(credential => credential.IsLive(ledger.Now))
            .SelectMany(credential => credential.Holds.Select(account => (Account: account, credential.Number)))
            .Where(held => !kept.Contains(held.Account))
            .GroupBy(held => held.Account, held => held.Number, StringComparer.Ordinal)
            .OrderBy(held => held.Key, StringComparer.Ordinal)
            .Select(held => new Fault(
                held.Key,
                $"is removed, but {held.Count()} live credentials refer to it ({Names.Credential(held.Min())} first): "
                + "decommission the agent, or revoke them"));

    private static Fault InUse(string account, List<SessionAccount> sessions)
    {
        int holds = sessions.Sum(session => session.OpenHolds);
        string named = string.Join(", ", sessions.OrderBy(s => s.Number).Take(SessionsNamedMax).Select(s => s.Name));
        string more = sessions.Count > SessionsNamedMax ? $" and {sessions.Count - SessionsNamedMax} more" : "";
        return new Fault(
            account,
            $"is removed, but {sessions.Count} sessions with {holds} open holds refer to it ({named}{more}): "
            + "end them first");
    }
}
