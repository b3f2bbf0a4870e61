using AgentBudget.Protocol.V1;

namespace AgentBudget.Dashboard.Text;

/// <summary>What an event is, for its colour.</summary>
public enum EventTone
{
    /// <summary>Nothing to look at.</summary>
    Plain,

    /// <summary>Money that was charged.</summary>
    Charge,

    /// <summary>Money that is held.</summary>
    Hold,

    /// <summary>A refusal.</summary>
    Refusal,

    /// <summary>Something stopped.</summary>
    Stop,

    /// <summary>Somebody's act.</summary>
    Act,
}

/// <summary>A ledger event in one line of a table.</summary>
/// <param name="Event">The event.</param>
/// <param name="Fact">Its kind in words.</param>
/// <param name="Tone">Its colour.</param>
/// <param name="Model">The model, tool or SKU.</param>
/// <param name="Nanos">Its money, if it has any.</param>
/// <param name="Detail">What else there is to say.</param>
public sealed record EventLine(
    LedgerEvent Event, string Fact, EventTone Tone, string Model = "", long? Nanos = null, string Detail = "")
{
    /// <summary>Refused calls that it tells of.</summary>
    internal long Refusals => Event.FactCase switch
    {
        LedgerEvent.FactOneofCase.ReservationRefused => 1,
        LedgerEvent.FactOneofCase.RefusalsCoalesced => Event.RefusalsCoalesced.Count,
        _ => 0,
    };

    /// <summary>Nanos that it charged to the accounts that others share.</summary>
    internal static long ChargedBy(LedgerEvent told) => told.FactCase switch
    {
        LedgerEvent.FactOneofCase.ReservationSettled => ChargedBy(told.ReservationSettled)
            - (told.ReservationSettled.ExpiryCharge is { } taken ? taken.CostNanos : 0),
        LedgerEvent.FactOneofCase.CostRecorded => told.CostRecorded.CostNanos,
        LedgerEvent.FactOneofCase.SpendAdjusted => told.SpendAdjusted.Lines.Sum(line => line.Nanos),
        LedgerEvent.FactOneofCase.DisputeDecided when told.DisputeDecided.Decision == DisputeDecision.Confirmed =>
            told.DisputeDecided.CostNanos,
        _ => 0,
    };

    internal static EventLine Of(LedgerEvent told) => told.FactCase switch
    {
        LedgerEvent.FactOneofCase.ReservationHeld => new(
            told, "hold", EventTone.Hold, told.ReservationHeld.Model, told.ReservationHeld.CostNanos,
            told.ReservationHeld.RequestedModel.Length > 0
                ? $"downgraded from {told.ReservationHeld.RequestedModel}"
                : told.ReservationHeld.Tool),
        LedgerEvent.FactOneofCase.ReservationAmended => new(
            told, "hold changed", EventTone.Hold, told.ReservationAmended.Model, told.ReservationAmended.CostNanos),
        LedgerEvent.FactOneofCase.ReservationSettled => OfSettled(told),
        LedgerEvent.FactOneofCase.ReservationReleased => new(
            told, "release", EventTone.Plain, "", told.ReservationReleased.ReleasedNanos,
            told.ReservationReleased.Reason),
        LedgerEvent.FactOneofCase.ReservationExpired => new(
            told, "hold expired", EventTone.Plain, "", told.ReservationExpired.ReleasedNanos),
        LedgerEvent.FactOneofCase.CostRecorded => new(
            told, "cost", EventTone.Charge, told.CostRecorded.Sku, told.CostRecorded.CostNanos),
        LedgerEvent.FactOneofCase.ReservationRefused => OfRefused(told),
        LedgerEvent.FactOneofCase.RefusalsCoalesced => new(
            told, "refused", EventTone.Refusal, told.RefusalsCoalesced.Model, null,
            $"{Amounts.Count(told.RefusalsCoalesced.Count)} more: {Names.Words(told.RefusalsCoalesced.Reason)}"),
        LedgerEvent.FactOneofCase.ToolAuthorized => new(
            told, "tool allowed", EventTone.Plain, told.ToolAuthorized.Tool),
        LedgerEvent.FactOneofCase.SessionOpened => new(
            told, "session opened", EventTone.Plain, "", null, told.SessionOpened.Task),
        LedgerEvent.FactOneofCase.SessionEnded => OfEnded(told),
        LedgerEvent.FactOneofCase.SessionClosed => new(
            told, "session closed", EventTone.Plain, "", told.SessionClosed.SettledNanos, "settled in all"),
        LedgerEvent.FactOneofCase.SessionSuspended => new(
            told, "session suspended", EventTone.Stop, "", null, told.SessionSuspended.Reason),
        LedgerEvent.FactOneofCase.SessionResumed => new(
            told, "session resumed", EventTone.Act, "", null, told.SessionResumed.Reason),
        LedgerEvent.FactOneofCase.BreakerTripped => OfBreaker(told),
        _ => OfAct(told),
    };

    private static long ChargedBy(ReservationSettled settled) =>
        settled.CostNanos - (settled.Disputed ? settled.OverrunNanos : 0);

    private static EventLine OfSettled(LedgerEvent told)
    {
        ReservationSettled settled = told.ReservationSettled;
        string detail = settled.Disputed ? "in dispute"
            : settled.OverrunNanos > 0 ? $"{Amounts.Nanos(settled.OverrunNanos)} above its hold"
            : settled.Late ? "late"
            : settled.TiersCrossed.Count > 0
                ? $"{Names.Short(settled.TiersCrossed[0].Grain)} passed {settled.TiersCrossed[0].AtPercent}%"
            : "";
        EventTone tone = settled.Disputed ? EventTone.Stop : EventTone.Charge;
        return new EventLine(told, "settled", tone, settled.Model, settled.CostNanos, detail);
    }

    private static EventLine OfRefused(LedgerEvent told)
    {
        ReservationRefused refused = told.ReservationRefused;
        string limit = refused.Unit == ReservationRefused.Types.Unit.Nanos
            ? $": {Amounts.Nanos(refused.Requested)} asked, {Amounts.Nanos(refused.Settled + refused.Held)} of "
                + $"{Amounts.Nanos(refused.Limit)} used"
            : refused.Subject.Length > 0 ? $": {refused.Subject}" : "";
        string what = refused.Model.Length > 0 ? refused.Model : refused.Tool.Length > 0 ? refused.Tool : refused.Sku;
        return new EventLine(
            told, "refused", EventTone.Refusal, what, null, Names.Words(refused.Reason) + limit);
    }

    private static EventLine OfEnded(LedgerEvent told)
    {
        SessionEnded ended = told.SessionEnded;
        string state = Names.Words(ended.State);
        EventTone tone = ended.State == Session.Types.State.Revoked ? EventTone.Stop : EventTone.Plain;
        string detail = ended.Reason.Length > 0 ? ended.Reason
            : ended.Outcome is { } outcome ? Names.Words(outcome.Status)
            : ended.EndedWith.Length > 0 ? $"with {Names.Short(ended.EndedWith)}"
            : "";
        return new EventLine(told, $"session {state}", tone, "", null, detail);
    }

    private static EventLine OfBreaker(LedgerEvent told)
    {
        BreakerTripped tripped = told.BreakerTripped;
        bool isMoney = tripped.Breaker == Breaker.BurnRate;
        string count = isMoney ? Amounts.Nanos(tripped.Count) : Amounts.Count(tripped.Count);
        string limit = isMoney ? Amounts.Nanos(tripped.Limit) : Amounts.Count(tripped.Limit);
        string then = tripped.Suspended.Length > 0 ? $"{Names.Short(tripped.Suspended)} suspended" : "observes only";
        return new EventLine(
            told, "breaker", EventTone.Stop, tripped.Tool, null,
            $"{Names.Words(tripped.Breaker)} {count} above {limit}: {then}");
    }

    private static EventLine OfAct(LedgerEvent told)
    {
        (long? nanos, string detail) = told.FactCase switch
        {
            LedgerEvent.FactOneofCase.CatalogApplied =>
                ((long?)null, $"{told.CatalogApplied.Changes.Count} changes"),
            LedgerEvent.FactOneofCase.CatalogPatched => (null, $"{told.CatalogPatched.Changes.Count} changes"),
            LedgerEvent.FactOneofCase.BudgetExtended => (
                told.BudgetExtended.ExtensionNanos, $"{told.BudgetExtended.Grain}: {told.BudgetExtended.Reason}"),
            LedgerEvent.FactOneofCase.ExtensionRequested => (
                told.ExtensionRequested.Nanos,
                $"{told.ExtensionRequested.Grain}: {told.ExtensionRequested.Reason}"),
            LedgerEvent.FactOneofCase.ExtensionDecided => (
                told.ExtensionDecided.Nanos,
                $"{Names.Words(told.ExtensionDecided.Decision)}: {told.ExtensionDecided.Reason}"),
            LedgerEvent.FactOneofCase.ExtensionExpired => (null, told.ExtensionExpired.Grain),
            LedgerEvent.FactOneofCase.PeriodEnded => (
                told.PeriodEnded.SettledNanos, $"{told.PeriodEnded.Grain}, {told.PeriodEnded.Window}"),
            LedgerEvent.FactOneofCase.BudgetReset => (null, $"{told.BudgetReset.Grain}: {told.BudgetReset.Reason}"),
            LedgerEvent.FactOneofCase.SpendAdjusted => (
                told.SpendAdjusted.Lines.Sum(line => line.Nanos), told.SpendAdjusted.Reason),
            LedgerEvent.FactOneofCase.BreakerReset => (null, told.BreakerReset.Reason),
            LedgerEvent.FactOneofCase.DisputeDecided => (
                told.DisputeDecided.CostNanos,
                $"{Names.Words(told.DisputeDecided.Decision)}: {told.DisputeDecided.Reason}"),
            LedgerEvent.FactOneofCase.CredentialCreated => (
                null, $"{told.CredentialCreated.Principal} as {Names.Words(told.CredentialCreated.Role)}"),
            LedgerEvent.FactOneofCase.CredentialRevoked => (null, told.CredentialRevoked.Reason),
            LedgerEvent.FactOneofCase.AgentSuspended => (
                null, $"{told.AgentSuspended.Agent}: {told.AgentSuspended.Reason}"),
            LedgerEvent.FactOneofCase.AgentResumed => (null, $"{told.AgentResumed.Agent}: {told.AgentResumed.Reason}"),
            LedgerEvent.FactOneofCase.AgentDecommissioned => (
                null, $"{told.AgentDecommissioned.Agent}: {told.AgentDecommissioned.Reason}"),
            LedgerEvent.FactOneofCase.SessionsRevoked => (null, told.SessionsRevoked.Reason),
            LedgerEvent.FactOneofCase.SigningKeyRotated => (null, told.SigningKeyRotated.Reason),
            LedgerEvent.FactOneofCase.NotificationsChanged => (
                null,
                $"{Names.Words(told.NotificationsChanged.Change)}: {told.NotificationsChanged.Endpoint}"
                    + told.NotificationsChanged.Target),
            _ => (null, ""), // Facts that say enough by their name.
        };
        bool isAct = told.Actor.Length > 0;
        return new EventLine(
            told, Names.Words(told.FactCase), isAct ? EventTone.Act : EventTone.Plain, "", nanos, detail);
    }
}
