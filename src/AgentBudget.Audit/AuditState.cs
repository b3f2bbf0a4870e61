using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>
/// What the audit knows of a tenant after some events. It follows what the events say even where they are wrong, so
/// that one fault is one finding and not a finding in everything after it.
/// </summary>
internal sealed class AuditState
{
    /// <summary>What is over can be named by late commits and repeated requests for this long (24 h).</summary>
    public static readonly Int128 Retention = 24 * AuditNumbers.Hour;

    // A hold that was given back, or charged as its time ran out, can be committed for this long (30 days).
    private static readonly Int128 HoldRetention = 30 * Retention;

    private readonly List<AuditFinding> _findings = [];
    private readonly PriorityQueue<(long Hold, AuditSession? Session), (Int128 UntilNanos, long Order)> _retained =
        new();
    private long _retainedOrder;

    public AuditState(string tenant)
    {
        TenantId = tenant;
        Tenant = GetOrAddAccount("tenants/" + tenant);
    }

    public string TenantId { get; }

    public AuditAccount Tenant { get; }

    /// <summary>Every account but sessions.</summary>
    public Dictionary<string, AuditAccount> Accounts { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, AuditAgent> Agents { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, UseCase> UseCases { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, AuditSession> Sessions { get; } = new(StringComparer.Ordinal);

    public Dictionary<long, AuditHold> Holds { get; } = [];

    public AuditRequests Requests { get; } = new();

    /// <summary>Sessions that are open, by agent.</summary>
    public Dictionary<string, long> OpenSessions { get; } = new(StringComparer.Ordinal);

    /// <summary>Holds that are open, by agent.</summary>
    public Dictionary<string, long> OpenHolds { get; } = new(StringComparer.Ordinal);

    /// <summary>Sessions that were opened in a minute of log time, by agent, and which minute.</summary>
    public Dictionary<string, (Int128 Minute, long Sessions)> Opened { get; } = new(StringComparer.Ordinal);

    /// <summary>Sessions that were suspended in an hour of log time, by agent; and whether that was told.</summary>
    public Dictionary<string, (Int128 Hour, long Sessions, bool IsTold)> SuspendedInHour { get; } =
        new(StringComparer.Ordinal);

    /// <summary>What breakers of agents count within a minute, by agent and breaker.</summary>
    public Dictionary<(string Agent, Breaker Breaker), AuditMinute> InMinute { get; } = [];

    /// <summary>The last request is of a former release, which had no breakers of agents.</summary>
    public bool IsFormer { get; set; }

    /// <summary>Usage that nobody has decided about, by the event that settled it.</summary>
    public Dictionary<long, AuditDispute> Disputes { get; } = [];

    /// <summary>Requests for more that wait, or were answered a short while ago, by number.</summary>
    public Dictionary<long, AuditExtension> Extensions { get; } = [];

    /// <summary>What catalogs' rules approved of a window, and until when its month lasts.</summary>
    public Dictionary<(string, string), (AuditAmount Amount, Int128 MonthEnd)> AutoApproved { get; } = [];

    /// <summary>Credentials that were made and not revoked, by number.</summary>
    public Dictionary<long, AuditCredential> Credentials { get; } = [];

    /// <summary>Access tokens that were ended before their time, by id.</summary>
    public HashSet<string> EndedTokens { get; } = new(StringComparer.Ordinal);

    /// <summary>By user, until when what each gave was ended.</summary>
    public Dictionary<string, Int128> EndedUsers { get; } = new(StringComparer.Ordinal);

    /// <summary>Agents that are suspended.</summary>
    public HashSet<string> Suspended { get; } = new(StringComparer.Ordinal);

    /// <summary>Agents that are decommissioned.</summary>
    public HashSet<string> Decommissioned { get; } = new(StringComparer.Ordinal);

    /// <summary>The catalog in force; after a patch without the accounts that it names, which are kept apart.</summary>
    public Catalog Catalog { get; set; } = new();

    /// <summary>The event that made the catalog what it is.</summary>
    public long CatalogVersion { get; set; }

    /// <summary>Items of the catalog in force.</summary>
    public HashSet<string> CatalogItems { get; set; } = new(StringComparer.Ordinal);

    public AuditPrices Prices { get; set; } = new(0, new Catalog());

    public IReadOnlyList<string> RequiredTags { get; set; } = [];

    public long Sequence { get; set; }

    public Int128 Now { get; set; }

    /// <summary>The group that is read; 0 without a store.</summary>
    public long Group { get; set; }

    /// <summary>An account may have become one that nobody refers to.</summary>
    public bool MayForgetAccounts { get; set; }

    /// <summary>Sessions that are to end with one above them, and since when.</summary>
    public long EndsDue { get; set; }

    public Int128 EndsDueSince { get; set; }

    /// <summary>What reservations were adjusted by, by number.</summary>
    public Dictionary<long, AuditAmount> Adjusted { get; } = [];

    /// <summary>A catalog said since when a new window counts: from then on every one does.</summary>
    public bool StatesPeriodStarts { get; set; }

    /// <summary>A breaker that the next event must tell.</summary>
    public AuditTrip? TripDue { get; set; }

    public long FindingsFound { get; private set; }

    public IReadOnlyList<AuditFinding> Findings => _findings;

    /// <summary>Nothing was found in the present event yet: what follows from its numbers can be judged.</summary>
    public bool IsEventClean { get; private set; }

    public void BeginEvent() => IsEventClean = true;

    public void Find(AuditRule rule, string sentence)
    {
        IsEventClean = false;
        if (FindingsFound++ < AuditReport.FindingsMax) _findings.Add(new AuditFinding(rule, Sequence, Group, sentence));
    }

    public AuditAccount GetOrAddAccount(string name)
    {
        if (!Accounts.TryGetValue(name, out AuditAccount? account))
            Accounts.Add(name, account = new AuditAccount(name));
        return account;
    }

    /// <summary>A window of an account, the first where none is named; else a finding and the first.</summary>
    public AuditAccount WindowOf(string account, string window)
    {
        AuditAccount first = GetOrAddAccount(account);
        AuditAccount? found = first.Windows.FirstOrDefault(own => window.Length == 0 || own.Window == window);
        if (found is null) Find(AuditRule.PeriodEnd, $"{account} has no window '{window}'");
        return found ?? first;
    }

    /// <summary>
    /// The session that an event names, if its path is the one it was opened with; else a finding and null.
    /// </summary>
    public AuditSession? SessionOf(LedgerEvent ledgerEvent)
    {
        Spender? spender = ledgerEvent.Spender;
        if (spender is null || !Sessions.TryGetValue(spender.Session, out AuditSession? session))
        {
            Find(AuditRule.SessionKnown, $"session '{spender?.Session}' was never opened or is long over");
            return null;
        }

        if (session.IsArchived && ledgerEvent.ReservationSettled is null)
            Find(AuditRule.SessionKnown, $"{spender.Session} is long over, and only its holds can be committed");
        if (!spender.Equals(session.Spender))
            Find(AuditRule.SessionKnown, $"its path is not the one that {spender.Session} was opened with");
        return session;
    }

    /// <summary>The reservation that an event of a session names; else a finding and null.</summary>
    public AuditHold? HoldOf(long number, AuditSession session)
    {
        if (Holds.TryGetValue(number, out AuditHold? hold) && ReferenceEquals(hold.Session, session)) return hold;
        if (session.SettledHolds.Contains(number))
            Find(AuditRule.ReservationTerminal, $"reservation r{number} was settled before");
        else
            Find(
                AuditRule.ReservationKnown,
                $"{session.Spender.Session} has no reservation r{number} that can be named now");
        return null;
    }

    /// <summary>The hold was given back; a late commit can still name it.</summary>
    public void GiveBack(long number, AuditHold hold)
    {
        foreach (AuditAccount account in hold.Session.WindowsOf(hold.Model)) account.Unhold(hold.Held);
        Retain(number, hold);
    }

    /// <summary>Nothing is held of it any more; a late commit can still name it.</summary>
    public void Retain(long number, AuditHold hold)
    {
        hold.Held = default;
        hold.IsHeld = false;
        Close(hold.Session, number);
        hold.Session.GivenBack[number] = Now;
        Retain(number, session: null, HoldRetention);
    }

    /// <summary>A hold is open.</summary>
    public void OpenHold(AuditSession session, long number)
    {
        if (session.OpenHolds.Add(number)) Count(OpenHolds, session, 1);
    }

    /// <summary>A hold is open no longer.</summary>
    public void Close(AuditSession session, long number)
    {
        if (session.OpenHolds.Remove(number)) Count(OpenHolds, session, -1);
    }

    /// <summary>A session is about to be over.</summary>
    public void End(AuditSession session)
    {
        if (session.IsOpen) Count(OpenSessions, session, -1);
    }

    private static void Count(Dictionary<string, long> counts, AuditSession session, long change) =>
        counts[session.Spender.Agent] = counts.GetValueOrDefault(session.Spender.Agent) + change;

    /// <summary>A session begins.</summary>
    public void Add(AuditSession session)
    {
        Count(OpenSessions, session, 1);
        Sessions[session.Spender.Session] = session;
        foreach (AuditAccount account in session.Path) account.Sessions++;
    }

    /// <summary>Accounts stay as long as something of them is in dispute.</summary>
    public static void Retain(IEnumerable<AuditAccount> accounts)
    {
        foreach (AuditAccount account in accounts) account.Sessions++;
    }

    /// <summary>It was decided about.</summary>
    public void Release(IEnumerable<AuditAccount> accounts)
    {
        foreach (AuditAccount account in accounts)
        {
            account.Sessions--;
            MayForgetAccounts |= !account.IsInCatalog;
        }
    }

    /// <summary>A session is closed; late commits and repeated requests can still name it.</summary>
    public void Retain(AuditSession session) => Retain(hold: 0, session, Retention);

    /// <summary>Forgets what no event from now on may name.</summary>
    public void Forget()
    {
        while (_retained.TryPeek(out (long Hold, AuditSession? Session) oldest, out (Int128 UntilNanos, long) due)
            && due.UntilNanos <= Now)
        {
            _retained.Dequeue();
            if (oldest.Session is { } session) Forget(session);
            else if (Holds.Remove(oldest.Hold, out AuditHold? hold)) hold.Session.GivenBack.Remove(oldest.Hold);
        }
    }

    private void Retain(long hold, AuditSession? session, Int128 retention) =>
        _retained.Enqueue((hold, session), (Now + retention, _retainedOrder++));

    /// <summary>Forgets accounts outside the catalog that nobody refers to, with their usage.</summary>
    public void ForgetAccounts()
    {
        if (!MayForgetAccounts) return;
        MayForgetAccounts = false;
        foreach (AuditAccount account in Accounts.Values.ToArray())
        {
            bool isKept = account.IsInCatalog || account.Sessions > 0 || ReferenceEquals(account, Tenant)
                || Suspended.Contains(account.Name) || Decommissioned.Contains(account.Name);
            if (!isKept) Accounts.Remove(account.Name);
        }
    }

    /// <summary>Periods and extensions of a path that should have ended before now.</summary>
    public void CheckDeadlines(AuditSession session)
    {
        foreach (AuditAccount account in session.Windows)
        {
            if (account.PeriodEnd <= Now)
                Find(
                    AuditRule.PeriodEnd,
                    $"the period of {account.Name} ended at {AuditNumbers.Show(account.PeriodEnd)}, unsaid");
            if (account.ExtensionEnd <= Now)
                Find(
                    AuditRule.Extension,
                    $"the extension of {account.Name} ended at {AuditNumbers.Show(account.ExtensionEnd)}, unsaid");
        }
    }

    /// <summary>
    /// What is left on the tightest account of a path: least money first, then least tokens, then the nearer one.
    /// </summary>
    public void CheckLeft(Left? left, AuditSession session, string model)
    {
        if (!IsEventClean) return;
        AuditAccount? tightest = null;
        AuditLimit least = default;
        foreach (AuditAccount account in session.PathOf(model))
        {
            AuditLimit own = account.Windows.Select(window => window.Available).Aggregate(AuditLimit.Min);
            if (!IsBelow(own, least)) continue;
            (tightest, least) = (account, own);
        }

        bool isRight = tightest is null
            ? left is null
            : left is not null && left.Grain == tightest.Name
                && (left.HasNanos ? left.Nanos : null) == least.Nanos
                && (left.HasTokens ? left.Tokens : null) == least.Tokens;
        if (!isRight) Find(AuditRule.Left, $"{least} are left on {tightest?.Name ?? "no grain"}, and it says {left}");
    }

    // A session that is over is kept for late commits of its holds alone, and while one below it is kept.
    private void Forget(AuditSession session)
    {
        bool isOver = session.IsArchived;
        session.Archive();
        if (!isOver && session.GivenBack.Count > 0)
        {
            session.KeptUntil = session.GivenBack.Values.Max() + HoldRetention;
            _retained.Enqueue((0, session), (session.KeptUntil, _retainedOrder++));
        }

        if (session.KeptUntil > Now || session.Own.Sessions > 1) return;
        if (!Sessions.Remove(session.Spender.Session)) return;
        foreach (AuditAccount account in session.Path)
        {
            account.Sessions--;
            MayForgetAccounts |= !account.IsInCatalog;
        }

        if (session.Parent is { IsArchived: true } parent) Forget(parent);
    }

    private static bool IsBelow(AuditLimit own, AuditLimit least)
    {
        if (own.Nanos != least.Nanos) return least.Nanos is null || own.Nanos < least.Nanos;
        return own.Tokens is not null && (least.Tokens is null || own.Tokens < least.Tokens);
    }
}
