using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests.Randomised;

/// <summary>A ledger event as the naive ledger writes it.</summary>
internal static class EventText
{
    public static string Of(LedgerEvent entry) => $"{entry.Sequence} {Nanos(entry.Time)} {Fact(entry)}";

    private static string Fact(LedgerEvent entry)
    {
        string session = entry.Spender?.Session.Replace("sessions/", "", StringComparison.Ordinal) ?? "";
        switch (entry.FactCase)
        {
            case LedgerEvent.FactOneofCase.CatalogApplied:
                return "catalog";
            case LedgerEvent.FactOneofCase.SessionOpened:
                string below = entry.Spender!.Parent.Length == 0
                    ? ""
                    : $"below {entry.Spender.Parent.Split('/')[1]} {entry.Spender.Run.Split("/s")[1]}";
                return $"opened {Nanos(entry.SessionOpened.ExpireTime)} {Nanos(entry.SessionOpened.LifetimeEndTime)} "
                    + below;
            case LedgerEvent.FactOneofCase.SessionRenewed:
                return $"renewed {session} {Nanos(entry.SessionRenewed.ExpireTime)}";
            case LedgerEvent.FactOneofCase.SessionEnded:
                return $"ended {session} {entry.SessionEnded.State} {entry.SessionEnded.EndedWith}";
            case LedgerEvent.FactOneofCase.SessionSuspended:
                return $"suspended {session} {entry.SessionSuspended.Reason}";
            case LedgerEvent.FactOneofCase.SessionResumed:
                return $"resumed {session} {entry.SessionResumed.Reason}";
            case LedgerEvent.FactOneofCase.RefusalsCoalesced:
                RefusalsCoalesced coalesced = entry.RefusalsCoalesced;
                return $"coalesced {session} {coalesced.Reason} {coalesced.Count} {Nanos(coalesced.FirstTime)}";
            case LedgerEvent.FactOneofCase.BreakerReset:
                return $"reset {session} {entry.BreakerReset.Resumed}";
            case LedgerEvent.FactOneofCase.BreakerTripped:
                BreakerTripped tripped = entry.BreakerTripped;
                return $"tripped {session} {tripped.Breaker} {tripped.Count} {tripped.Limit} {tripped.Suspended}";
            case LedgerEvent.FactOneofCase.SessionClosed:
                SessionClosed closed = entry.SessionClosed;
                return $"closed {session} [{string.Join(',', closed.Released.Order())}] {closed.ReleasedNanos} "
                    + $"{closed.ReleasedTokens} {closed.SettledNanos} {closed.Steps} {closed.Refused}";
            case LedgerEvent.FactOneofCase.BudgetExtended:
                BudgetExtended extended = entry.BudgetExtended;
                string end = extended.ExpireTime is null ? "" : $"{Nanos(extended.ExpireTime)}";
                return $"extended {extended.Grain} {extended.Window} {extended.ExtensionNanos} "
                    + $"{extended.ExtensionTokens} {end}";
            case LedgerEvent.FactOneofCase.ExtensionExpired:
                return $"extension {entry.ExtensionExpired.Grain} {entry.ExtensionExpired.Window}";
            case LedgerEvent.FactOneofCase.PeriodEnded:
                PeriodEnded period = entry.PeriodEnded;
                return $"period {period.Grain} {period.Window} {period.SettledNanos} {period.SettledTokens} "
                    + $"{period.CarriedNanos} {period.CarriedTokens}";
            case LedgerEvent.FactOneofCase.WindowMoved:
                WindowMoved moved = entry.WindowMoved;
                return $"moved {moved.Grain} {moved.Window} {moved.SettledNanos} {moved.SettledTokens} "
                    + $"{moved.OverrunNanos}";
            case LedgerEvent.FactOneofCase.ReservationHeld:
                ReservationHeld held = entry.ReservationHeld;
                return $"held {session} {held.Model} {held.CostNanos} {held.Tokens} {Nanos(held.ExpireTime)}";
            case LedgerEvent.FactOneofCase.CostRecorded:
                CostRecorded cost = entry.CostRecorded;
                IEnumerable<string> told = cost.TiersCrossed.Select(
                    tier => $"{tier.Grain}/{tier.Window}@{tier.AtPercent}:{string.Join('+', tier.Notify)}");
                return $"cost {session} {cost.Sku} {cost.QuantityMillionths} {cost.CostNanos} {cost.ToolCalls} "
                    + string.Join(',', told);
            case LedgerEvent.FactOneofCase.ReservationAmended:
                ReservationAmended amended = entry.ReservationAmended;
                return $"amended r{amended.Reservation} {amended.Model} {amended.CostNanos} {amended.Tokens} "
                    + $"{Nanos(amended.ExpireTime)} {(amended.RequestedModel.Length > 0 ? "cheaper" : "same")}";
            case LedgerEvent.FactOneofCase.ReservationRefused:
                ReservationRefused refused = entry.ReservationRefused;
                return $"refused {session} {refused.Reason} {refused.Grain} {refused.Unit} {refused.Limit} "
                    + $"{refused.Settled} {refused.Held} {refused.Requested} {refused.SuggestedModel} {refused.Window}";
            case LedgerEvent.FactOneofCase.ReservationSettled:
                ReservationSettled settled = entry.ReservationSettled;
                IEnumerable<string> crossed = settled.TiersCrossed.Select(
                    tier => $"{tier.Grain}/{tier.Window}@{tier.AtPercent}:{string.Join('+', tier.Notify)}");
                return $"settled r{settled.Reservation} {settled.CostNanos} {settled.Tokens} {settled.UnheldNanos} "
                    + $"{settled.UnheldTokens} {settled.OverrunNanos} {settled.Model} "
                    + $"{(settled.Late ? "late" : "timely")} {(settled.Final ? "final" : "part")} "
                    + string.Join(',', crossed);
            case LedgerEvent.FactOneofCase.ReservationReleased:
                ReservationReleased released = entry.ReservationReleased;
                return $"released r{released.Reservation} {released.ReleasedNanos} {released.ReleasedTokens}";
            case LedgerEvent.FactOneofCase.ReservationExpired:
                ReservationExpired expired = entry.ReservationExpired;
                return $"expired r{expired.Reservation} {expired.ReleasedNanos} {expired.ReleasedTokens}";
            case LedgerEvent.FactOneofCase.None:
            default:
                return "nothing";
        }
    }

    private static long Nanos(Timestamp time) => (time.Seconds * 1_000_000_000) + time.Nanos;
}
