using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Fact = AgentBudget.Protocol.V1.LedgerEvent.FactOneofCase;

namespace AgentBudget.Audit;

/// <summary>
/// An independent check of one tenant's ledger: a plain model that shares no code with the rules that wrote it,
/// follows the events and recomputes what each one states. Memory grows with what is open and what ended within 24 h,
/// not with the length of the journal. Not thread-safe. The rules are those of <see cref="AuditRule"/>.
/// </summary>
/// <param name="tenant">The tenant's id.</param>
public sealed class LedgerAudit(string tenant)
{
    private readonly AuditState _state = new(tenant);
    private readonly AuditCounts _counts = new();
    private Timestamp? _firstTime;
    private Timestamp? _lastTime;
    private long _events;

    /// <summary>Findings so far.</summary>
    public long FindingsFound => _state.FindingsFound;

    /// <summary>Whose.</summary>
    public string Tenant => tenant;

    /// <summary>Events so far.</summary>
    public long Events => _events;

    /// <summary>The group that the next events are in, for the findings.</summary>
    internal long Group
    {
        set => _state.Group = value;
    }

    /// <summary>
    /// Audits the next event; it is not kept. Whatever is wrong with it becomes a finding, nothing is thrown.
    /// </summary>
    public void Accept(LedgerEvent ledgerEvent)
    {
        ArgumentNullException.ThrowIfNull(ledgerEvent);
        _events++;
        _state.BeginEvent();
        CheckOrder(ledgerEvent);
        _state.Forget();
        // A catalog finds no account that nobody refers to by then.
        if (ledgerEvent.CatalogApplied is not null || ledgerEvent.CatalogPatched is not null) _state.ForgetAccounts();
        if (ledgerEvent.RequestId.Length > 0) _state.IsFormer = ledgerEvent.RequestHash is null;
        RunAudit.CheckDue(_state, ledgerEvent);
        BreakerAudit.CheckDue(_state, ledgerEvent);
        CheckFact(ledgerEvent);
        _state.ForgetAccounts();
    }

    /// <summary>A fault in the journal itself: what follows is not audited.</summary>
    internal void AcceptFault(AuditRule rule, long sequence, long group, string sentence)
    {
        _state.Sequence = sequence;
        _state.Group = group;
        _state.Find(rule, sentence);
    }

    /// <summary>What was found up to here, with what should have happened by now.</summary>
    public AuditReport Finish() => Finish(groups: 0, headHash: null);

    internal AuditReport Finish(long groups, string? headHash)
    {
        _state.BeginEvent();
        CheckOverdue();
        AuditAccount all = _state.Tenant;
        List<AuditSession> open = [.. _state.Sessions.Values.Where(session => session.IsOpen)];
        var totals = new AuditTotals(
            all.Lifetime.Nanos, all.Lifetime.Tokens, _counts.Overrun, all.Held.Nanos, all.Held.Tokens,
            _state.Holds.Values.Count(hold => hold.IsHeld), _counts.Granted, _counts.Refused, _counts.Sessions,
            open.Count);
        IEnumerable<AuditAccount> accounts =
            _state.Accounts.Values.Where(account => !account.IsIdle)
            .OrderBy(account => account.Name, StringComparer.Ordinal)
            .Concat(open.Select(session => session.Own).OrderBy(account => account.Name, StringComparer.Ordinal));
        return new AuditReport(
            tenant, _state.Catalog.Currency, _events, groups, _firstTime, _lastTime, headHash, totals,
            [.. accounts.Select(account => account.ToBalance())], [.. _state.Findings], _state.FindingsFound);
    }

    private void CheckOrder(LedgerEvent ledgerEvent)
    {
        long expected = _state.Sequence + 1;
        _state.Sequence = ledgerEvent.Sequence;
        if (ledgerEvent.Sequence != expected)
            _state.Find(AuditRule.Sequence, $"event {ledgerEvent.Sequence} is where {expected} should be");
        if (ledgerEvent.Time is null)
        {
            _state.Find(AuditRule.Time, "it has no time");
            return;
        }

        Int128 now = AuditNumbers.NanosOf(ledgerEvent.Time);
        if (now < _state.Now)
        {
            _state.Find(
                AuditRule.Time,
                $"its time {AuditNumbers.Show(now)} is before {AuditNumbers.Show(_state.Now)}, the one before it");
        }

        _state.Now = Int128.Max(now, _state.Now);
        _firstTime ??= ledgerEvent.Time;
        _lastTime = ledgerEvent.Time;
    }

    private void CheckFact(LedgerEvent ledgerEvent)
    {
        switch (ledgerEvent.FactCase)
        {
            case Fact.CatalogApplied:
                OfTenant(ledgerEvent, AuditOperation.ApplyCatalog);
                CatalogAudit.Apply(_state, ledgerEvent.CatalogApplied);
                break;
            case Fact.CatalogPatched:
                OfTenant(ledgerEvent, AuditOperation.PatchCatalog);
                CatalogAudit.Patch(_state, ledgerEvent.CatalogPatched);
                break;
            case Fact.BudgetExtended:
                OfTenant(ledgerEvent, AuditOperation.ExtendBudget);
                BudgetAudit.Extend(_state, ledgerEvent.BudgetExtended);
                break;
            case Fact.ExtensionExpired:
                OfTenant(ledgerEvent, AuditOperation.None);
                BudgetAudit.EndExtension(_state, ledgerEvent.ExtensionExpired);
                break;
            case Fact.PeriodEnded:
                OfTenant(ledgerEvent, AuditOperation.None);
                BudgetAudit.EndPeriod(_state, ledgerEvent.PeriodEnded);
                break;
            case Fact.WindowMoved:
                OfTenant(ledgerEvent, AuditOperation.None);
                BudgetAudit.MoveWindow(_state, ledgerEvent.WindowMoved);
                break;
            case Fact.BudgetReset:
                OfTenant(ledgerEvent, AuditOperation.ResetBudget);
                AdjustmentAudit.Reset(_state, ledgerEvent.BudgetReset);
                break;
            case Fact.SpendAdjusted:
                bool isRated = ledgerEvent.SpendAdjusted.Rerating is not null;
                OfTenant(ledgerEvent, isRated ? AuditOperation.RerateSpend : AuditOperation.AdjustSpend);
                AdjustmentAudit.Adjust(_state, ledgerEvent.SpendAdjusted);
                break;
            case Fact.SessionOpened:
                OfOpening(ledgerEvent);
                _counts.Sessions++;
                SessionAudit.Open(_state, ledgerEvent);
                break;
            case Fact.DisputeDecided:
                OfTenant(ledgerEvent, AuditOperation.DecideDispute);
                DisputeAudit.Decide(_state, ledgerEvent);
                break;
            case Fact.ExtensionRequested when ledgerEvent.Spender is null:
                OfTenant(ledgerEvent, AuditOperation.RequestExtension);
                ExtensionAudit.Ask(_state, session: null, ledgerEvent);
                break;
            case Fact.ExtensionDecided:
                bool isUnasked = ledgerEvent.ExtensionDecided is { Decision: ExtensionState.Expired }
                    or { MonthEndTime: not null };
                OfTenant(ledgerEvent, isUnasked ? AuditOperation.None : AuditOperation.DecideExtension);
                ExtensionAudit.Decide(_state, ledgerEvent);
                break;
            case Fact.None:
                _state.Find(AuditRule.Format, "it states no fact that this release knows");
                break;
            default:
                if (CheckIdentityFact(ledgerEvent)) break;
                if (_state.SessionOf(ledgerEvent) is { } session) CheckSessionFact(ledgerEvent, session);
                break;
        }
    }

    // Answers whether it is one of these.
    private bool CheckIdentityFact(LedgerEvent ledgerEvent)
    {
        switch (ledgerEvent.FactCase)
        {
            case Fact.CredentialCreated:
                OfTenant(ledgerEvent, AuditOperation.CreateCredential);
                IdentityAudit.Create(_state, ledgerEvent.CredentialCreated);
                return true;
            case Fact.CredentialRevoked:
                OfTenant(ledgerEvent, AuditOperation.RevokeCredential);
                IdentityAudit.Revoke(_state, ledgerEvent.CredentialRevoked);
                return true;
            case Fact.AgentSuspended:
                OfTenant(ledgerEvent, AuditOperation.SuspendAgent);
                IdentityAudit.Suspend(_state, ledgerEvent.AgentSuspended);
                return true;
            case Fact.AgentResumed:
                OfTenant(ledgerEvent, AuditOperation.ResumeAgent);
                IdentityAudit.Resume(_state, ledgerEvent.AgentResumed);
                return true;
            case Fact.AgentDecommissioned:
                OfTenant(ledgerEvent, AuditOperation.DecommissionAgent);
                IdentityAudit.Decommission(_state, ledgerEvent.AgentDecommissioned);
                return true;
            case Fact.AccessTokenRevoked:
                OfTenant(ledgerEvent, AuditOperation.RevokeAccessToken);
                IdentityAudit.RevokeToken(_state, ledgerEvent.AccessTokenRevoked);
                return true;
            case Fact.SigningKeyRotated:
                OfTenant(ledgerEvent, AuditOperation.RotateSigningKey);
                return true;
            case Fact.NotificationsChanged:
                OfTenant(ledgerEvent, AuditOperation.ChangeNotifications);
                return true;
            case Fact.CredentialsUsed:
                OfTenant(ledgerEvent, AuditOperation.RecordUses);
                IdentityAudit.Use(_state, ledgerEvent.CredentialsUsed);
                return true;
            case Fact.SessionsRevoked:
                OfTenant(ledgerEvent, AuditOperation.RevokeSessions);
                IdentityAudit.RevokeSessions(_state, ledgerEvent.SessionsRevoked);
                return true;
            default:
                return false;
        }
    }

    private void CheckSessionFact(LedgerEvent ledgerEvent, AuditSession session)
    {
        OfSession(ledgerEvent, session, OperationOf(ledgerEvent));
        CheckHolder(ledgerEvent);
        switch (ledgerEvent.FactCase)
        {
            case Fact.SessionRenewed:
                SessionAudit.Renew(_state, session, ledgerEvent.SessionRenewed);
                break;
            case Fact.SessionEnded:
                SessionAudit.End(_state, session, ledgerEvent.SessionEnded);
                break;
            case Fact.SessionSuspended:
                SessionAudit.Suspend(_state, session, ledgerEvent.SessionSuspended);
                break;
            case Fact.SessionResumed:
                SessionAudit.Resume(_state, session, ledgerEvent.SessionResumed);
                break;
            case Fact.BreakerReset:
                SessionAudit.ResetBreaker(_state, session, ledgerEvent.BreakerReset);
                break;
            case Fact.BreakerTripped:
                BreakerAudit.Trip(_state, session, ledgerEvent.BreakerTripped);
                break;
            case Fact.SessionClosed:
                SessionAudit.Close(_state, session, ledgerEvent.SessionClosed);
                break;
            case Fact.ReservationHeld:
                _counts.Granted++;
                HoldAudit.Hold(_state, session, ledgerEvent);
                break;
            case Fact.ToolAuthorized:
                IdentityAudit.Authorize(_state, session, ledgerEvent.ToolAuthorized);
                break;
            case Fact.ReservationRefused:
                _counts.Refused++;
                RefusalAudit.Refuse(_state, session, ledgerEvent.ReservationRefused);
                break;
            case Fact.RefusalsCoalesced:
                _counts.Refused += ledgerEvent.RefusalsCoalesced.Count;
                RefusalAudit.Coalesce(_state, session, ledgerEvent.RefusalsCoalesced);
                return;
            case Fact.ReservationSettled:
                _counts.Overrun += ledgerEvent.ReservationSettled.OverrunNanos;
                SettlementAudit.Settle(_state, session, ledgerEvent);
                break;
            case Fact.ReservationReleased:
                SettlementAudit.Release(_state, session, ledgerEvent.ReservationReleased);
                break;
            case Fact.ReservationAmended:
                HoldAudit.Amend(_state, session, ledgerEvent);
                break;
            case Fact.CostRecorded:
                CostAudit.Record(_state, session, ledgerEvent.CostRecorded);
                break;
            case Fact.ExtensionRequested:
                ExtensionAudit.Ask(_state, session, ledgerEvent);
                break;
            case Fact.ReservationExpired:
                SettlementAudit.Expire(_state, session, ledgerEvent.ReservationExpired);
                break;
        }

        BreakerAudit.FindDue(_state, session);
    }

    private void OfTenant(LedgerEvent ledgerEvent, AuditOperation operation)
    {
        string id = ledgerEvent.RequestId;
        if (operation == AuditOperation.None) CheckUnasked(id);
        else if (id.Length == 0) _state.Find(AuditRule.RequestAsked, "it carries no request id");
        else if (!_state.Requests.TryAdd(
            operation, AuditPrincipals.Of(ledgerEvent), id, _state.Now, AuditState.Retention))
        {
            _state.Find(AuditRule.RequestOnce, $"request '{id}' had its effect before");
        }
    }

    // What a session asks for by its own token is kept as long as that session.
    private void OfOpening(LedgerEvent ledgerEvent)
    {
        if (_state.Sessions.TryGetValue(AuditPrincipals.Of(ledgerEvent), out AuditSession? above))
            OfSession(ledgerEvent, above, AuditOperation.OpenSession);
        else OfTenant(ledgerEvent, AuditOperation.OpenSession);
    }

    private void OfSession(LedgerEvent ledgerEvent, AuditSession session, AuditOperation operation)
    {
        string id = ledgerEvent.RequestId;
        if (operation == AuditOperation.None) CheckUnasked(id);
        else if (id.Length == 0) _state.Find(AuditRule.RequestAsked, "it carries no request id");
        else if (!session.Requests.TryAdd(operation, AuditPrincipals.Of(ledgerEvent), id))
            _state.Find(AuditRule.RequestOnce, $"request '{id}' of {session.Spender.Session} had its effect before");
    }

    // Whoever settles, releases or changes a hold is its holder, or one that may act for it.
    private void CheckHolder(LedgerEvent ledgerEvent)
    {
        long number = ledgerEvent.ReservationSettled?.Reservation ?? ledgerEvent.ReservationReleased?.Reservation
            ?? ledgerEvent.ReservationAmended?.Reservation ?? ledgerEvent.ReservationRefused?.Reservation ?? 0;
        bool isAsked = number > 0 && ledgerEvent.RequestId.Length > 0;
        if (!isAsked || !_state.Holds.TryGetValue(number, out AuditHold? hold)) return;
        if (!AuditPrincipals.MayActFor(hold.Principal, ledgerEvent.Principal))
        {
            _state.Find(
                AuditRule.ReservationHolder,
                $"r{number} is held by {hold.Principal}, and '{ledgerEvent.Principal}' has its way with it");
        }
    }

    private void CheckUnasked(string requestId)
    {
        if (requestId.Length > 0)
            _state.Find(AuditRule.RequestAsked, $"nobody asks for it, and it carries the request id '{requestId}'");
    }

    // A hold that is charged as its time runs out is settled by the ledger itself.
    private AuditOperation OperationOf(LedgerEvent ledgerEvent) => ledgerEvent.FactCase switch
    {
        Fact.SessionRenewed => AuditOperation.RenewSession,
        Fact.SessionEnded when ledgerEvent.SessionEnded.EndedWith.Length > 0 => AuditOperation.None,
        Fact.SessionEnded => ledgerEvent.SessionEnded.State switch
        {
            Session.Types.State.Expired => AuditOperation.None,
            Session.Types.State.Revoked => AuditOperation.RevokeSession,
            Session.Types.State.Unspecified or Session.Types.State.Open or Session.Types.State.Suspended
                or Session.Types.State.Ended =>
                AuditOperation.EndSession,
        },
        Fact.ReservationHeld => AuditOperation.Reserve,
        Fact.ReservationRefused => ledgerEvent.ReservationRefused switch
        {
            { Sku.Length: > 0 } => AuditOperation.RecordCost,
            { ToolOnly: true } => AuditOperation.AuthorizeTool,
            { Reservation: > 0 } => AuditOperation.Amend,
            _ => AuditOperation.Reserve,
        },
        Fact.CostRecorded => AuditOperation.RecordCost,
        Fact.ReservationAmended => AuditOperation.Amend,
        Fact.ToolAuthorized => AuditOperation.AuthorizeTool,
        Fact.ReservationSettled => SettlementAudit.IsExpiry(_state, ledgerEvent)
            ? AuditOperation.None
            : AuditOperation.Commit,
        Fact.ReservationReleased => AuditOperation.Release,
        Fact.SessionSuspended => AuditOperation.SuspendSession,
        Fact.SessionResumed => AuditOperation.ResumeSession,
        Fact.BreakerReset => AuditOperation.ResetBreaker,
        Fact.ExtensionRequested => AuditOperation.RequestExtension,
        Fact.None or Fact.CatalogApplied or Fact.CatalogPatched or Fact.BudgetExtended or Fact.BudgetReset
            or Fact.SpendAdjusted or Fact.ExtensionExpired or Fact.PeriodEnded or Fact.WindowMoved or Fact.SessionOpened
            or Fact.SessionClosed or Fact.ReservationExpired
            or Fact.CredentialCreated or Fact.CredentialRevoked or Fact.AgentSuspended or Fact.AgentResumed
            or Fact.AgentDecommissioned or Fact.BreakerTripped or Fact.RefusalsCoalesced or Fact.AccessTokenRevoked
            or Fact.SigningKeyRotated or Fact.CredentialsUsed or Fact.DisputeDecided or Fact.SessionsRevoked
            or Fact.ExtensionDecided or Fact.NotificationsChanged =>
            AuditOperation.None,
    };

    private void CheckOverdue()
    {
        ExtensionAudit.CheckOverdue(_state);
        foreach ((long number, AuditHold hold) in _state.Holds.Where(pair => pair.Value.IsHeld))
        {
            if (hold.ExpireNanos < _state.Now)
                _state.Find(
                    AuditRule.Expiry, $"r{number} should have expired at {AuditNumbers.Show(hold.ExpireNanos)}");
        }

        foreach (AuditSession session in _state.Sessions.Values.Where(session => !session.IsClosed))
        {
            Int128 due = session.IsOpen ? session.ExpireNanos : session.GraceEndNanos;
            if (due < _state.Now)
                _state.Find(
                    AuditRule.SessionTime, $"{session.Spender.Session} should have ended at {AuditNumbers.Show(due)}");
        }

        IEnumerable<AuditAccount> accounts = _state.Accounts.Values.Where(account => !account.IsIdle);
        foreach (AuditAccount account in accounts.SelectMany(account => account.Windows))
        {
            if (account.PeriodEnd < _state.Now)
                _state.Find(
                    AuditRule.PeriodEnd,
                    $"the period of {account.Name} should have ended at {AuditNumbers.Show(account.PeriodEnd)}");
            if (account.ExtensionEnd < _state.Now)
                _state.Find(
                    AuditRule.Extension,
                    $"the extension of {account.Name} should have ended at {AuditNumbers.Show(account.ExtensionEnd)}");
        }
    }

    private sealed class AuditCounts
    {
        public Int128 Overrun { get; set; }

        public long Granted { get; set; }

        public long Refused { get; set; }

        public long Sessions { get; set; }
    }
}
