using AgentBudget.Api.Budgets;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Spend;

/// <summary>Sums over the events sent on one stream.</summary>
internal sealed class StreamTotals(string currency)
{
    private long _settledNanos;
    private long _settledTokens;
    private long _calls;
    private long _refused;

    internal void Add(LedgerEvent ledgerEvent)
    {
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.ReservationHeld:
                _calls++;
                break;
            case LedgerEvent.FactOneofCase.ReservationRefused:
                _refused++;
                break;
            case LedgerEvent.FactOneofCase.RefusalsCoalesced:
                _refused += ledgerEvent.RefusalsCoalesced.Count;
                break;
            case LedgerEvent.FactOneofCase.ReservationSettled:
                ReservationSettled settled = ledgerEvent.ReservationSettled;
                ReservationSettled? taken = settled.ExpiryCharge;
                _settledNanos = checked(_settledNanos + settled.CostNanos - (taken?.CostNanos ?? 0));
                _settledTokens = checked(_settledTokens + settled.Tokens - (taken?.Tokens ?? 0));
                break;
            case LedgerEvent.FactOneofCase.SpendAdjusted:
                foreach (AdjustmentLine line in ledgerEvent.SpendAdjusted.Lines)
                {
                    _settledNanos = checked(_settledNanos + line.Nanos);
                    _settledTokens = checked(_settledTokens + line.Tokens);
                }

                break;
            case LedgerEvent.FactOneofCase.CostRecorded:
                _calls++;
                _settledNanos = checked(_settledNanos + ledgerEvent.CostRecorded.CostNanos);
                break;
            default:
                break;
        }
    }

    internal RunningTotals ToMessage() => new()
    {
        Settled = ReservationViews.AmountOf(_settledTokens, _settledNanos, currency),
        Calls = _calls,
        Refused = _refused,
    };
}
