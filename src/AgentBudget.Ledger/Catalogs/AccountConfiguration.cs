using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.BusinessUnits;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Ledger.UseCases;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>
/// Makes accounts as the catalog says: all of a tenant for a whole catalog, those that are named for a patch. The one
/// way for both, so that base and patches come to the same accounts as the whole.
/// </summary>
internal sealed class AccountConfiguration
{
    private readonly TenantLedger _ledger;
    private readonly Dictionary<(string, string), PeriodBounds> _bounds;
    private readonly List<ModelAccount> _newFamilies = [];

    // Whose sessions and users are looked at; null for everybody's.
    private readonly HashSet<Account>? _concerned;

    private AccountConfiguration(TenantLedger ledger, IEnumerable<PeriodEnd> ends, HashSet<Account>? concerned)
    {
        _ledger = ledger;
        _concerned = concerned;
        _bounds = ends.ToDictionary(
            end => (end.Grain, end.Window),
            end => new PeriodBounds(
                LogTime.FromOptionalTimestamp(end.EndTime),
                end.StartTime is null ? null : LogTime.FromTimestamp(end.StartTime)));
    }

    /// <summary>Every account becomes as a whole catalog says, and those that it does not name leave.</summary>
    public static void OfAll(TenantLedger ledger, Catalog catalog, IEnumerable<PeriodEnd> ends) =>
        new AccountConfiguration(ledger, ends, concerned: null).Run(
            CatalogAccount.Of(catalog).Prepend(CatalogAccount.OfTenant(ledger.Tenant.Name, catalog)),
            [.. ledger.Accounts.Values]);

    /// <summary>Accounts that are put become as they are now named, those that are removed leave.</summary>
    public static void OfSome(
        TenantLedger ledger, Catalog put, IEnumerable<string> removed, IEnumerable<PeriodEnd> ends)
    {
        CatalogAccount[] named = [.. CatalogAccount.Of(put)];
        var present = new HashSet<Account>();
        foreach (string name in named.Select(account => account.Name).Concat(removed))
        {
            if (ledger.Accounts.TryGetValue(name, out Account? account)) present.Add(account);
        }

        List<Account> touched = [.. present];
        foreach (Account account in present) touched.AddRange(account.Families);
        if (present.Any(account => !account.UserLimits.IsEmpty))
            touched.AddRange(ledger.Accounts.Values.OfType<UserAccount>().Where(user => present.Contains(user.Of)));
        new AccountConfiguration(ledger, ends, present).Run(named, touched);
    }

    private void Run(IEnumerable<CatalogAccount> named, IReadOnlyList<Account> touched)
    {
        bool limitsUsers = false;
        foreach (Account account in touched)
        {
            limitsUsers |= !account.UserLimits.IsEmpty;
            account.IsInCatalog = false;
            (account.Families, account.UserLimits) = ([], UserLimits.None);
        }

        foreach (CatalogAccount account in named)
        {
            limitsUsers |= account.Users is not null;
            Configure(account);
        }

        if (_concerned is null || limitsUsers)
        {
            _ledger.ConfigureUsers(
                (account, window) => _bounds.GetValueOrDefault((account, window)),
                account => _concerned?.Contains(account) != false,
                Concerned);
        }

        foreach (Account account in touched.Where(account => !account.IsInCatalog))
        {
            _ledger.RemoveBudgetDeadlines(account);
            account.Configure([], TierLadder.Plain, static _ => default, _ledger.LogTimeNanos);
            if (account is AgentAccount agent) agent.Configure(new Agent());
            SetDeadlines(account);
            _ledger.DropIfUnused(account);
        }

        // In the order of their opening, so that each finds the ceilings of the one above it as they are now.
        foreach (SessionAccount session in Concerned()) session.NarrowCeilings();
        foreach (ModelAccount family in _newFamilies) _ledger.Adopt(family);
    }

    // Sessions that have a configured account on their path, or on that of one above them, in the order of opening.
    private IOrderedEnumerable<SessionAccount> Concerned()
    {
        IEnumerable<SessionAccount> sessions = _ledger.SessionsAndArchived;
        if (_concerned is not null)
            sessions = _concerned.All(account => account.Sessions == 0) ? [] : sessions.Where(IsConcerned);
        return sessions.OrderBy(session => session.Number);
    }

    private bool IsConcerned(SessionAccount session)
    {
        for (SessionAccount? above = session; above is not null; above = above.Parent)
        {
            if (_concerned!.Contains(above.Agent) || _concerned.Contains(above.UseCase)
                || _concerned.Contains(above.BusinessUnit))
            {
                return true;
            }
        }

        return false;
    }

    private void Configure(in CatalogAccount named)
    {
        Account account = AccountOf(named);
        if (account is UseCaseAccount useCase) useCase.Configure((UseCase)named.Entry);
        else if (account is AgentAccount agent) agent.Configure((Agent)named.Entry);
        _concerned?.Add(account);
        Set(account, named.Budget, named.Further, LadderOf(account));
        if (named.Users is not null) account.UserLimits = new UserLimits(named.Users);
        if (named.Models.Count > 0) account.Families = FamiliesOf(account, named.Models);
    }

    private Account AccountOf(in CatalogAccount named) => _ledger.GetOrAdd(
        named.Name,
        named.Entry switch
        {
            UseCase => static name => new UseCaseAccount(name),
            Agent => static name => new AgentAccount(name),
            BusinessUnit => static name => new BusinessUnitAccount(name),
            _ => static name => throw new InvariantException($"{name} is no account of a catalog"), // The tenant's is.
        });

    private static TierLadder LadderOf(Account account) =>
        account is UseCaseAccount ? TierLadder.UseCaseDefault : TierLadder.Default;

    private ModelAccount[] FamiliesOf(Account account, IReadOnlyList<ModelBudget> models)
    {
        var families = new ModelAccount[models.Count];
        for (int place = 0; place < families.Length; place++)
        {
            ModelBudget model = models[place];
            string name = Names.Models(account.Name, model.Models);
            bool isNew = !_ledger.Accounts.ContainsKey(name);
            families[place] = (ModelAccount)_ledger.GetOrAdd(
                name, name => new ModelAccount(name, account, model.Models));
            if (isNew) _newFamilies.Add(families[place]);
            Set(families[place], model.Budget, model.FurtherBudgets, TierLadder.Default);
        }

        return families;
    }

    private void Set(
        Account account,
        Protocol.V1.Budget? rule,
        IReadOnlyList<Protocol.V1.Budget> further,
        TierLadder defaultLadder)
    {
        account.IsInCatalog = true;
        _ledger.RemoveBudgetDeadlines(account);
        account.Configure(
            rule is null ? [] : [rule, .. further],
            defaultLadder,
            window => _bounds.GetValueOrDefault((account.Name, window)),
            _ledger.LogTimeNanos);
        SetDeadlines(account);
    }

    private void SetDeadlines(Account account)
    {
        foreach (Window window in account.Windows) _ledger.SetBudgetDeadlines(window);
    }
}
