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
                _settledNanos = _settledNanos + ledgerEvent.ReservationSettled.CostNanos;
                _settledTokens = _settledTokens + ledgerEvent.ReservationSettled.Tokens;
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
