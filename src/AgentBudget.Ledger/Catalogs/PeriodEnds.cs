using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>
/// The present periods of accounts that a catalog or a patch names, as its event tells them: where a period stays as it
/// was, so does its end.
/// </summary>
internal sealed class PeriodEnds
{
    private readonly TenantLedger _ledger;
    private readonly TimeZoneInfo _zone;
    private readonly bool _keepsZone;
    private readonly List<PeriodEnd> _ends = [];

    // By window: its name says the period, so that what thousands of accounts have is computed once.
    private readonly Dictionary<string, long> _newEnds = new(StringComparer.Ordinal);

    private PeriodEnds(TenantLedger ledger, string timeZone)
    {
        _ledger = ledger;
        _zone = TimeZoneInfo.FindSystemTimeZoneById(timeZone);
        _keepsZone = timeZone == ledger.Catalog.Head.TimeZone;
    }

    public static List<PeriodEnd> Of(TenantLedger ledger, IEnumerable<CatalogAccount> accounts, string timeZone)
    {
        var ends = new PeriodEnds(ledger, timeZone);
        Dictionary<string, UserLimits> limits = new(StringComparer.Ordinal);
        foreach (CatalogAccount account in accounts)
        {
            ends.Add(account.Name, account.Budget, account.Further);
            foreach (ModelBudget model in account.Models)
                ends.Add(Names.Models(account.Name, model.Models), model.Budget, model.FurtherBudgets);
            if (account.Users is not null) limits[account.Name] = new UserLimits(account.Users);
        }

        foreach ((string name, string owner, string user) in ends.KnownUsers(limits))
        {
            foreach (Protocol.V1.Budget window in limits[owner].Of(user)) ends.AddWindow(name, window);
        }

        return ends._ends;
    }

    private void Add(string name, Protocol.V1.Budget? rule, IEnumerable<Protocol.V1.Budget> further)
    {
        if (rule is null) return;
        foreach (Protocol.V1.Budget window in further.Prepend(rule)) AddWindow(name, window);
    }

    // A rolling window moves by itself; where the period of a name stays as it was, so does its end.
    private void AddWindow(string name, Protocol.V1.Budget rule)
    {
        string window = WindowName.Of(rule);
        Account? account = _ledger.Accounts.GetValueOrDefault(name);
        Window? before = account?.FindWindow(window);
        bool stays = before is { IsRolling: false } && before.PeriodEndNanos != 0 && _keepsZone;
        long endNanos = stays ? before!.PeriodEndNanos : EndAfter(window, rule);
        bool isNew = before is null && account?.History is { IsEmpty: false };
        if (endNanos == 0 && !isNew) return;
        _ends.Add(new PeriodEnd
        {
            Grain = name,
            Window = window,
            EndTime = LogTime.ToOptionalTimestamp(endNanos),
            StartTime = isNew ? LogTime.ToTimestamp(PeriodCalendar.StartOf(rule, _zone, _ledger.Now)) : null,
        });
    }

    private long EndAfter(string window, Protocol.V1.Budget rule)
    {
        if (!_newEnds.TryGetValue(window, out long endNanos))
            _newEnds.Add(window, endNanos = PeriodCalendar.EndAfter(rule, _zone, _ledger.Now));
        return endNanos;
    }

    // Users that have a budget with an account that limits them, or a session that will have: by name.
    private SortedSet<(string Name, string Account, string User)> KnownUsers(Dictionary<string, UserLimits> limits)
    {
        var users = new SortedSet<(string Name, string Account, string User)>();
        if (limits.Count == 0) return users;
        foreach (UserAccount user in _ledger.Accounts.Values.OfType<UserAccount>())
        {
            if (limits.ContainsKey(user.Of.Name)) users.Add((user.Name, user.Of.Name, user.User));
        }

        foreach (SessionAccount session in _ledger.SessionsAndArchived)
        {
            string user = session.Spender.OnBehalfOf;
            if (user.Length == 0) continue;
            Account[] owners = [session.Agent, session.UseCase, session.BusinessUnit, _ledger.Tenant];
            foreach (Account owner in owners)
            {
                if (limits.ContainsKey(owner.Name)) users.Add((Names.User(owner.Name, user), owner.Name, user));
            }
        }

        return users;
    }
}
