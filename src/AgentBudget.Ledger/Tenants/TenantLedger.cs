using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Approvals;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Catalogs;
using AgentBudget.Ledger.Credentials;
using AgentBudget.Ledger.Disputes;
using AgentBudget.Ledger.Notifications;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Reservations;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Dispute = AgentBudget.Ledger.Disputes.Dispute;
using Reservation = AgentBudget.Ledger.Reservations.Reservation;

namespace AgentBudget.Ledger;

/// <summary>
/// One tenant's accounts and their turn. A command is handled to its end: due deadlines first, then every check, then
/// one event that is applied to every account on the path, or to none. Pure: time is an argument, nothing waits,
/// nothing is read or written outside. Replaying the events gives the same state on every machine. Not thread-safe: one
/// turn at a time.
/// </summary>
public sealed partial class TenantLedger
{
    /// <summary>Deadlines handled in one call of <see cref="HandleDeadlines"/>, so a group stays small.</summary>
    public const int DeadlinesPerTurnMax = 1024;

    /// <summary>Sessions that a tenant may have open or not yet forgotten; each takes a few KiB of memory.</summary>
    public const int SessionsMax = 1_000_000;

    /// <summary>
    /// Sessions that one agent may have so, half of them. Whoever opens many meets its own bound and leaves the other
    /// half to the others.
    /// </summary>
    public const int SessionsOfOneMax = SessionsMax / 2;

    /// <summary>
    /// Sessions that are kept for late commits of their holds alone (200 MB); beyond, the agent that has most of them
    /// loses one.
    /// </summary>
    public const int ArchivedSessionsMax = 50_000;

    private readonly Dictionary<long, SessionAccount> _sessions = [];
    private readonly SortedDictionary<long, Spend> _adjusted = [];
    private readonly ReservationTable _reservations = new();
    private readonly Dictionary<string, Account> _accounts = new(StringComparer.Ordinal);
    private readonly SortedDictionary<long, Dispute> _disputes = [];
    private readonly Dictionary<long, BookInUse> _olderBooks = [];
    private readonly DeadlineQueue _deadlines = new();
    private readonly DeadlineQueue _retention = new();
    private List<LedgerEvent> _events = [];

    /// <summary>An empty ledger.</summary>
    /// <param name="tenant">The tenant's id.</param>
    public TenantLedger(string tenant)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        TenantId = tenant;
        Tenant = new TenantAccount(Names.TenantPrefix + tenant);
        _accounts.Add(Tenant.Name, Tenant);
    }

    // A price book that is no longer current, and how many reservations still settle with it.
    private sealed class BookInUse(PriceBook book)
    {
        public PriceBook Book { get; } = book;

        public int Reservations { get; set; }
    }

    /// <summary>The tenant's id.</summary>
    public string TenantId { get; }

    /// <summary>The last event applied; 0 before the first.</summary>
    public long Sequence { get; private set; }

    /// <summary>Its time. Never goes back.</summary>
    public long LogTimeNanos { get; private set; }

    /// <summary>When the next deadline is due; <see cref="long.MaxValue"/> if there is none.</summary>
    public long NextDeadlineNanos => Math.Min(_deadlines.NextNanos, _reservations.NextExpiryNanos);

    /// <summary>Reservations that hold something.</summary>
    public int OpenReservations => _reservations.Count;

    /// <summary>Sessions that may spend.</summary>
    public int OpenSessions { get; private set; }

    /// <summary>Sessions in memory: open, or closed and not yet forgotten.</summary>
    public int KnownSessions => _sessions.Count;

    internal TenantAccount Tenant { get; }

    /// <summary>The present turn's time.</summary>
    internal long Now { get; private set; }

    internal RequestLogs Requests { get; } = new();

    internal CredentialBook Credentials { get; } = new();

    internal CatalogModel Catalog { get; private set; } = CatalogModel.None;

    internal IReadOnlyDictionary<string, Account> Accounts => _accounts;

    /// <summary>The event of the last re-rating; 0 for none.</summary>
    internal long LastRerating { get; set; }

    internal IReadOnlyDictionary<long, SessionAccount> Sessions => _sessions;

    /// <summary>Every session in memory, those that are kept for late commits alone among them.</summary>
    internal IEnumerable<SessionAccount> SessionsAndArchived => _sessions.Values.Concat(_archived.Values);

    /// <summary>Requests for more.</summary>
    internal ExtensionBook Extensions { get; } = new();

    /// <summary>Usage that nobody has decided about, by number.</summary>
    internal IReadOnlyDictionary<long, Dispute> Disputes => _disputes;

    /// <summary>
    /// Decides one command at a time that is at least every time before. Due deadlines are handled first. What was
    /// decided is applied and its events are added to <paramref name="events"/>.
    /// </summary>
    public Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        while (NextDeadlineNanos <= Math.Max(nowNanos, LogTimeNanos)) HandleDeadlines(nowNanos, events);
        Begin(nowNanos, events);
        if (!Catalog.IsApplied && command is not ApplyCatalogCommand) return new Answer(Outcome.TenantNotFound);
        Answer answer = Dispatch(command);
        // What the command made due at once, such as the end of everything below a session, belongs to its turn.
        if (NextDeadlineNanos <= Now) HandleDeadlines(Now, events);
        return answer;
    }

    /// <summary>
    /// Handles deadlines that are due, at most <see cref="DeadlinesPerTurnMax"/> of them; whether more are due is what
    /// <see cref="NextDeadlineNanos"/> says. Each happens at its own time, not at the time of the call.
    /// </summary>
    public void HandleDeadlines(long nowNanos, List<LedgerEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        // A clock that steps back does not take back what log time has reached.
        long reachedNanos = Math.Max(nowNanos, LogTimeNanos);
        for (int handled = 0; handled < DeadlinesPerTurnMax && NextDeadlineNanos <= reachedNanos; handled++)
        {
            Begin(NextDeadlineNanos, events);
            if (IsHoldNext())
            {
                Reservation expired = _reservations.First;
                Expire.Handle(this, expired);
                Invariant.Holds(!_reservations.TryGet(expired.Number, out _));
            }
            else
            {
                Handle(_deadlines.First);
            }
        }
    }

    // Expiries of holds have a queue of their own and, among deadlines of one instant, the turn of their kind.
    private bool IsHoldNext() => _reservations.NextExpiryNanos != _deadlines.NextNanos
        ? _reservations.NextExpiryNanos < _deadlines.NextNanos
        : _deadlines.First.Kind > DeadlineKind.HoldExpiry;

    private void Handle(Deadline deadline)
    {
        switch (deadline.Kind)
        {
            case DeadlineKind.PeriodEnd:
                Periods.End(this, (Window)deadline.Owner);
                break;
            case DeadlineKind.ExtensionEnd:
                Extend.Expire(this, (Window)deadline.Owner);
                break;
            case DeadlineKind.Refusals:
                TellRefusals((SessionAccount)deadline.Owner, mayTrip: true);
                break;
            case DeadlineKind.Session:
                End.HandleDeadline(this, (SessionAccount)deadline.Owner);
                break;
            case DeadlineKind.ExtensionRequest:
                DecideExtension.Expire(this, (ExtensionAsked)deadline.Owner);
                break;
            case DeadlineKind.HoldExpiry:
            case DeadlineKind.Retention:
                throw new InvariantException($"a deadline of kind {deadline.Kind} does not belong to this queue");
        }

        Invariant.Holds(
            _deadlines.IsEmpty || !ReferenceEquals(_deadlines.First, deadline) || deadline.TimeNanos > Now);
    }

    /// <summary>
    /// Applies the next event of the ledger. Throws <see cref="InvariantException"/> if it cannot follow on this state:
    /// the journal is damaged or of a release that this one does not know.
    /// </summary>
    public void Apply(LedgerEvent ledgerEvent)
    {
        ArgumentNullException.ThrowIfNull(ledgerEvent);
        SessionAccount? session = null;
        // A dispute, or a request for more, may be decided about when its session is long forgotten.
        bool isOfKnownSession = ledgerEvent.FactCase is not LedgerEvent.FactOneofCase.SessionOpened
            and not LedgerEvent.FactOneofCase.DisputeDecided and not LedgerEvent.FactOneofCase.ExtensionDecided;
        if (ledgerEvent.Spender is not null && isOfKnownSession) session = SessionOf(ledgerEvent.Spender.Session);

        ApplyCore(ledgerEvent, session);
    }

    /// <summary>
    /// Numbers an event, applies it, and adds it to the turn's events; before it those of refusals that the session is
    /// still to tell, after it those of breakers that it made trip.
    /// </summary>
    internal void Emit(LedgerEvent ledgerEvent, SessionAccount? session = null)
    {
        if (session is { HasUntoldRefusals: true }) TellRefusals(session, mayTrip: false);
        EmitCore(ledgerEvent, session);
        if (session is not null) Trip.After(this, session);
    }

    /// <summary>
    /// Tells what was refused and only counted. Before another event of the session no breaker trips by it: that event
    /// was decided already, and what it changes counts first.
    /// </summary>
    internal void TellRefusals(SessionAccount session, bool mayTrip)
    {
        if (!session.HasUntoldRefusals) return;
        _deadlines.Remove(session.RefusalWindow!.Deadline);
        foreach (RefusalsCoalesced coalesced in session.RefusalWindow.Take())
            EmitCore(new LedgerEvent { Spender = session.Spender, RefusalsCoalesced = coalesced }, session);
        if (mayTrip) Trip.After(this, session);
    }

    private void EmitCore(LedgerEvent ledgerEvent, SessionAccount? session)
    {
        ledgerEvent.Sequence = Sequence + 1;
        ledgerEvent.Time = LogTime.ToTimestamp(Now);
        ApplyCore(ledgerEvent, session);
        _events.Add(ledgerEvent);
    }

    /// <summary>Whether the request was handled before on the tenant itself. Its keys live for the retention.</summary>
    internal bool TryAnswer(in AskedRequest asked, out Answer answer) =>
        Requests.TryAnswer(asked, Now - RequestLog.RetentionNanos, out answer);

    /// <summary>The account of this kind and name; null unless the catalog names it.</summary>
    internal TAccount? FindInCatalog<TAccount>(string name)
        where TAccount : Account =>
        _accounts.TryGetValue(name, out Account? account) && account is TAccount { IsInCatalog: true } found
            ? found
            : null;

    /// <summary>The session with this number; null if it never was or was forgotten.</summary>
    internal SessionAccount? FindSession(long number) =>
        _sessions.TryGetValue(number, out SessionAccount? session) && IsKnown(session) ? session : null;

    /// <summary>
    /// The session with this number, also where it is forgotten and a hold of it can still be committed; else null.
    /// </summary>
    internal SessionAccount? FindSessionOrArchived(long number)
    {
        if (!_sessions.TryGetValue(number, out SessionAccount? session)) _archived.TryGetValue(number, out session);
        if (session is null || IsKnown(session)) return session;
        bool isCommittable = IsYetToArchive(session) ? session.HasRetired(Now) : session.Retired?.ForgetNanos > Now;
        return isCommittable ? session : null;
    }

    /// <summary>The session with this number while anything of it is in memory.</summary>
    internal SessionAccount? FindInMemory(long number) =>
        _sessions.TryGetValue(number, out SessionAccount? session) ? session : _archived.GetValueOrDefault(number);

    /// <summary>What a reservation was adjusted by.</summary>
    internal Spend AdjustmentOf(long reservation) => _adjusted.GetValueOrDefault(reservation);

    /// <summary>Whether there is room to remember one more, or it is remembered.</summary>
    internal bool MayAdjust(long reservation, int reservationsMax) =>
        _adjusted.Count < reservationsMax || _adjusted.ContainsKey(reservation);

    internal void AddAdjustment(long reservation, long nanos, long tokens)
    {
        Spend before = AdjustmentOf(reservation);
        _adjusted[reservation] = new Spend(checked(before.CostNanos + nanos), checked(before.Tokens + tokens));
    }

    /// <summary>The session's retention is over, and the event that archives it is yet to come.</summary>
    internal bool IsYetToArchive(SessionAccount session) =>
        IsForgotten(session.RetentionDeadline) && !_archived.ContainsKey(session.Number);

    /// <summary>Whether the session is open or closed for less than the retention.</summary>
    internal bool IsKnown(SessionAccount session) =>
        !IsForgotten(session.RetentionDeadline) && !_archived.ContainsKey(session.Number);

    /// <summary>
    /// A reservation that this principal may settle, release or change, or why not. One that another holds is like one
    /// that is not there.
    /// </summary>
    internal Outcome FindReservation(
        SessionAccount session, long number, string principal, out Reservation reservation)
    {
        bool isHeld = _reservations.TryGet(number, out reservation) && ReferenceEquals(reservation.Session, session);
        if (!isHeld && session.Requests.WasSettled(number, principal))
            return IsYetToArchive(session) ? Outcome.ReservationNotFound : Outcome.ReservationTerminal;
        bool isKnown = isHeld || session.TryFindRetired(number, Now, out reservation);
        return isKnown && Principals.MaySettle(principal, reservation.Principal)
            ? Outcome.Done
            : Outcome.ReservationNotFound;
    }

    private Answer Dispatch(Command command) => command switch
    {
        ReserveCommand reserve => Reserve.Handle(this, reserve),
        CommitCommand commit => Commit.Handle(this, commit),
        ReleaseCommand release => Release.Handle(this, release),
        AmendCommand amend => Amend.Handle(this, amend),
        RecordCostCommand cost => RecordCost.Handle(this, cost),
        OpenSessionCommand open => Open.Handle(this, open),
        RenewSessionCommand renew => Renew.Handle(this, renew),
        EndSessionCommand end => End.Handle(this, end),
        RevokeSessionCommand revoke => End.Handle(this, revoke),
        SuspendSessionCommand suspend => Suspend.Handle(this, suspend),
        ResumeSessionCommand resume => Suspend.Handle(this, resume),
        ResetBreakerCommand reset => Trip.Handle(this, reset),
        ApplyCatalogCommand apply => ApplyCatalog.Handle(this, apply),
        PatchCatalogCommand patch => PatchCatalog.Handle(this, patch),
        ExtendBudgetCommand extend => Extend.Handle(this, extend),
        ResetBudgetCommand reset => Reset.Handle(this, reset),
        AdjustSpendCommand adjust => Adjust.Handle(this, adjust),
        RerateSpendCommand rerate => Adjust.Handle(this, rerate),
        DecideDisputeCommand decide => DecideDispute.Handle(this, decide),
        RequestExtensionCommand request => RequestExtension.Handle(this, request),
        DecideExtensionCommand decide => DecideExtension.Handle(this, decide),
        AuthorizeToolCommand tool => AuthorizeTool.Handle(this, tool),
        CreateCredentialCommand create => CreateCredential.Handle(this, create),
        RevokeCredentialCommand revoke => RevokeCredential.Handle(this, revoke),
        SuspendAgentCommand suspend => ChangeAgent.Handle(this, suspend),
        ResumeAgentCommand resume => ChangeAgent.Handle(this, resume),
        DecommissionAgentCommand decommission => ChangeAgent.Handle(this, decommission),
        RevokeSessionsCommand revoke => TakeAlong.Handle(this, revoke),
        RevokeAccessTokenCommand token => TokenRecords.Handle(this, token),
        RecordKeyRotationCommand rotation => TokenRecords.Handle(this, rotation),
        RecordNotificationsCommand notifications => RecordNotifications.Handle(this, notifications),
        RecordCredentialUsesCommand uses => RecordUses.Handle(this, uses),
        CredentialQuery credential => Queries.Credential(this, credential),
        CredentialsQuery credentials => Queries.Credentials(this, credentials),
        CredentialBookQuery => Queries.CredentialBook(this),
        BalanceQuery balance => Queries.Balance(this, balance),
        SessionQuery session => Queries.Session(this, session),
        SessionsQuery sessions => Queries.Sessions(this, sessions),
        DisputesQuery disputes => Queries.Disputes(this, disputes),
        ExtensionRequestQuery extension => Queries.ExtensionRequest(this, extension),
        ExtensionRequestsQuery extensions => Queries.ExtensionRequests(this, extensions),
        CatalogQuery => Queries.Catalog(this),
        SpendSnapshotQuery snapshot => Queries.SpendSnapshot(this, snapshot),
        _ => throw new ArgumentException($"no handler for {command.GetType().Name}", nameof(command)),
    };

    /// <summary>The session that a name on a path refers to.</summary>
    internal SessionAccount SessionOf(string name)
    {
        SessionAccount? session =
            Names.TryParseSession(name, out long number) ? FindInMemory(number) : null;
        Invariant.Holds(session is not null);
        return session!;
    }

    private bool IsForgotten(Deadline retention) =>
        retention.Place != Deadline.NotQueued && retention.TimeNanos <= Now;

    private void Begin(long nowNanos, List<LedgerEvent> events)
    {
        Now = Math.Max(nowNanos, LogTimeNanos);
        _events = events;
    }
}
