using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>A refusal is an answer and an event, and changes nothing but the count of refusals.</summary>
internal static class Refuse
{
    /// <summary>The event of a refusal; the caller adds what was asked for.</summary>
    public static LedgerEvent Event(SessionAccount session, in Refusal refusal, in AskedRequest asked)
    {
        LedgerEvent refused = asked.NewEvent(session.Spender);
        refused.ReservationRefused = new ReservationRefused
        {
            Reason = refusal.Reason,
            Grain = refusal.Account,
            Unit = refusal.Unit,
            Limit = refusal.Limit,
            Settled = WideSum.Low(refusal.Settled),
            SettledHigh = WideSum.High(refusal.Settled),
            Held = WideSum.Low(refusal.Held),
            HeldHigh = WideSum.High(refusal.Held),
            Requested = refusal.Requested,
            ResetTime = LogTime.ToOptionalTimestamp(refusal.ResetNanos),
            Subject = refusal.Subject ?? "",
            Window = refusal.Window ?? "",
            SuggestedModel = refusal.SuggestedModel ?? "",
            Left = session.Left(default, model: ""),
        };
        return refused;
    }

    /// <summary>
    /// Answers a refusal: with an event of its own, or, where it repeats, with one that is not recorded and is told
    /// later together with others.
    /// </summary>
    public static Answer Record(TenantLedger ledger, SessionAccount session, LedgerEvent refused)
    {
        if (!session.TryCountRefusal(refused.ReservationRefused, ledger.Now))
        {
            ledger.Emit(refused, session);
            return new Answer(Outcome.Done, refused);
        }

        if (session.MustTellRefusals(ledger.Now)) ledger.TellRefusals(session, mayTrip: true);
        else ledger.SetRefusalDeadline(session);
        return new Answer(Outcome.Done, refused);
    }

    /// <summary>Applies a refusal and answers which request's key its event carries.</summary>
    public static Operation Apply(ReservationRefused refused, SessionAccount session, long nowNanos)
    {
        session.CountRefusals(1, nowNanos);
        if (refused.ToolOnly) return Operation.AuthorizeTool;
        if (refused.Sku.Length > 0) return Operation.RecordCost;
        return refused.Reservation > 0 ? Operation.Amend : Operation.Reserve;
    }
}
