using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Spend;

/// <summary>Which events a reader wants: every field given must match.</summary>
internal sealed class EventFilter
{
    private readonly SpendFilter _filter;
    private readonly OwnScope? _own;
    private readonly ulong _kinds;
    private readonly bool _hasSpender;

    /// <param name="filter">Checked by <see cref="Check"/>; null takes every event.</param>
    /// <param name="own">What the reader sees; null for the whole tenant.</param>
    internal EventFilter(SpendFilter? filter, OwnScope? own)
    {
        _filter = filter ?? new SpendFilter();
        _own = own;
        foreach (EventKind kind in _filter.Kinds)
            _kinds |= 1UL << (int)kind;
        _hasSpender = _filter.BusinessUnit.Length > 0 || _filter.UseCase.Length > 0 || _filter.Agent.Length > 0
            || _filter.Session.Length > 0 || _filter.Run.Length > 0;
    }

    internal static void Check(ref FieldFaults faults, SpendFilter? filter)
    {
        if (filter is null)
            return;
        FieldChecks.SpendFilter(
            ref faults, filter.BusinessUnit, filter.UseCase, filter.Agent, filter.Session, filter.Model);
        if (filter.Run.Length > 0 && !Names.TryParseSession(filter.Run, out _))
            faults.Add("filter.run", "must be the name of a run's root session such as sessions/s17");
        if (filter.Kinds.Count > FieldRules.MapEntriesMax)
            faults.Add("filter.kinds", "must be at most 32");
        foreach (EventKind kind in filter.Kinds)
        {
            if (kind == EventKind.Unspecified || !Enum.IsDefined(kind))
                faults.Add("filter.kinds", "has a kind that this release does not know");
        }
    }

    internal bool Matches(LedgerEvent ledgerEvent)
    {
        if (_own is not null && !_own.Owns(ledgerEvent.Spender))
            return false;
        if (_kinds != 0 && (_kinds & (1UL << (int)KindOf(ledgerEvent.FactCase))) == 0)
            return false;
        if (_hasSpender && !Matches(ledgerEvent.Spender))
            return false;
        return _filter.Model.Length == 0 || _filter.Model == ModelOf(ledgerEvent);
    }

    internal static EventKind KindOf(LedgerEvent.FactOneofCase fact) => fact switch
    {
        LedgerEvent.FactOneofCase.None => EventKind.Unspecified,
        LedgerEvent.FactOneofCase.CatalogApplied => EventKind.CatalogApplied,
        LedgerEvent.FactOneofCase.CatalogPatched => EventKind.CatalogPatched,
        LedgerEvent.FactOneofCase.BudgetExtended => EventKind.BudgetExtended,
        LedgerEvent.FactOneofCase.BudgetReset => EventKind.BudgetReset,
        LedgerEvent.FactOneofCase.SpendAdjusted => EventKind.SpendAdjusted,
        LedgerEvent.FactOneofCase.ExtensionExpired => EventKind.ExtensionExpired,
        LedgerEvent.FactOneofCase.PeriodEnded => EventKind.PeriodEnded,
        LedgerEvent.FactOneofCase.SessionOpened => EventKind.SessionOpened,
        LedgerEvent.FactOneofCase.SessionRenewed => EventKind.SessionRenewed,
        LedgerEvent.FactOneofCase.SessionEnded => EventKind.SessionEnded,
        LedgerEvent.FactOneofCase.SessionClosed => EventKind.SessionClosed,
        LedgerEvent.FactOneofCase.ReservationHeld => EventKind.ReservationHeld,
        LedgerEvent.FactOneofCase.ReservationRefused => EventKind.ReservationRefused,
        LedgerEvent.FactOneofCase.ReservationSettled => EventKind.ReservationSettled,
        LedgerEvent.FactOneofCase.ReservationReleased => EventKind.ReservationReleased,
        LedgerEvent.FactOneofCase.ReservationExpired => EventKind.ReservationExpired,
        LedgerEvent.FactOneofCase.SessionSuspended => EventKind.SessionSuspended,
        LedgerEvent.FactOneofCase.SessionResumed => EventKind.SessionResumed,
        LedgerEvent.FactOneofCase.BreakerTripped => EventKind.BreakerTripped,
        LedgerEvent.FactOneofCase.BreakerReset => EventKind.BreakerReset,
        LedgerEvent.FactOneofCase.RefusalsCoalesced => EventKind.RefusalsCoalesced,
        LedgerEvent.FactOneofCase.DisputeDecided => EventKind.DisputeDecided,
        LedgerEvent.FactOneofCase.ReservationAmended => EventKind.ReservationAmended,
        LedgerEvent.FactOneofCase.CostRecorded => EventKind.CostRecorded,
        LedgerEvent.FactOneofCase.WindowMoved => EventKind.WindowMoved,
        LedgerEvent.FactOneofCase.CredentialCreated => EventKind.CredentialCreated,
        LedgerEvent.FactOneofCase.CredentialRevoked => EventKind.CredentialRevoked,
        LedgerEvent.FactOneofCase.AgentSuspended => EventKind.AgentSuspended,
        LedgerEvent.FactOneofCase.AgentResumed => EventKind.AgentResumed,
        LedgerEvent.FactOneofCase.AgentDecommissioned => EventKind.AgentDecommissioned,
        LedgerEvent.FactOneofCase.ToolAuthorized => EventKind.ToolAuthorized,
        LedgerEvent.FactOneofCase.AccessTokenRevoked => EventKind.AccessTokenRevoked,
        LedgerEvent.FactOneofCase.SigningKeyRotated => EventKind.SigningKeyRotated,
        LedgerEvent.FactOneofCase.NotificationsChanged => EventKind.NotificationsChanged,
        LedgerEvent.FactOneofCase.CredentialsUsed => EventKind.CredentialsUsed,
        LedgerEvent.FactOneofCase.SessionsRevoked => EventKind.SessionsRevoked,
        LedgerEvent.FactOneofCase.ExtensionRequested => EventKind.ExtensionRequested,
        LedgerEvent.FactOneofCase.ExtensionDecided => EventKind.ExtensionDecided,
    };

    private static string ModelOf(LedgerEvent ledgerEvent) => ledgerEvent.FactCase switch
    {
        LedgerEvent.FactOneofCase.ReservationHeld => ledgerEvent.ReservationHeld.Model,
        LedgerEvent.FactOneofCase.ReservationRefused => ledgerEvent.ReservationRefused.Model,
        LedgerEvent.FactOneofCase.RefusalsCoalesced => ledgerEvent.RefusalsCoalesced.Model,
        LedgerEvent.FactOneofCase.ReservationSettled => ledgerEvent.ReservationSettled.Model,
        LedgerEvent.FactOneofCase.ReservationAmended => ledgerEvent.ReservationAmended.Model,
        LedgerEvent.FactOneofCase.DisputeDecided => ledgerEvent.DisputeDecided.Model,
        _ => "",
    };

    private bool Matches(Spender? spender) =>
        spender is not null
        && (_filter.BusinessUnit.Length == 0 || _filter.BusinessUnit == spender.BusinessUnit)
        && (_filter.UseCase.Length == 0 || _filter.UseCase == spender.UseCase)
        && (_filter.Agent.Length == 0 || _filter.Agent == spender.Agent)
        && (_filter.Session.Length == 0 || _filter.Session == spender.Session)
        && (_filter.Run.Length == 0 || _filter.Run == spender.Run || _filter.Run == spender.Session);
}
