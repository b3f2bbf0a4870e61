using AgentBudget.Api.Budgets;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Spend;

/// <summary>Sums over the events sent on one stream.</summary>
internal sealed class StreamTotals(string currency)
{
    private Int128 _settledNanos;
    private Int128 _settledTokens;
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
                _settledNanos += (Int128)settled.CostNanos - (settled.ExpiryCharge?.CostNanos ?? 0);
                _settledTokens += (Int128)settled.Tokens - (settled.ExpiryCharge?.Tokens ?? 0);
                break;
            case LedgerEvent.FactOneofCase.SpendAdjusted:
                foreach (AdjustmentLine line in ledgerEvent.SpendAdjusted.Lines)
                {
                    _settledNanos += line.Nanos;
                    _settledTokens += line.Tokens;
                }

                break;
            case LedgerEvent.FactOneofCase.CostRecorded:
                _calls++;
                _settledNanos = _settledNanos + ledgerEvent.CostRecorded.CostNanos;
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
