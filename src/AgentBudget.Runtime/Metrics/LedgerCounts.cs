using System.Diagnostics.Metrics;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Reflection;

namespace AgentBudget.Runtime.Metrics;

/// <summary>
/// What all tenants' ledgers recorded since the start, counted when it is durable and never sooner: a group at a time,
/// under one lock that nobody else holds for long.
/// </summary>
internal sealed class LedgerCounts
{
    private static readonly (int Number, string Name)[] Facts =
        [.. LedgerEvent.Descriptor.Oneofs[0].Fields.Select(field => (field.FieldNumber, field.Name))];

    private static readonly (int Number, string Name)[] Reasons =
    [
        .. ReservationRefused.Descriptor.FindFieldByNumber(ReservationRefused.ReasonFieldNumber).EnumType.Values
            .Where(value => value.Number != 0)
            .Select(value => (value.Number, WordOf(value))),
    ];

    private readonly Lock _gate = new();
    private readonly long[] _facts = new long[Facts.Max(fact => fact.Number) + 1];
    private readonly long[] _denied = new long[Reasons.Max(reason => reason.Number) + 1];
    private long _allowed;
    private long _downgraded;
    private long _settledTokens;

    /// <summary>Counts durable events of one tenant. Answers how many more sessions are open after them.</summary>
    internal int Add(ReadOnlySpan<LedgerEvent> events)
    {
        int opened = 0;
        lock (_gate)
        {
            foreach (LedgerEvent added in events) opened += Add(added);
        }

        return opened;
    }

    internal IEnumerable<Measurement<long>> ReadFacts()
    {
        foreach ((int number, string name) in Facts)
        {
            long count = Read(ref _facts[number]);
            if (count > 0) yield return new Measurement<long>(count, new KeyValuePair<string, object?>("fact", name));
        }
    }

    internal IEnumerable<Measurement<long>> ReadDecisions()
    {
        yield return Decided(Read(ref _allowed), "allow", "");
        yield return Decided(Read(ref _downgraded), "allow_downgraded", "");
        foreach ((int number, string name) in Reasons)
        {
            long count = Read(ref _denied[number]);
            if (count > 0) yield return Decided(count, "deny", name);
        }
    }

    internal long ReadSettledTokens() => Read(ref _settledTokens);

    private static Measurement<long> Decided(long count, string decision, string reason) =>
        new(count, new("decision", decision), new("reason", reason));

    // REASON_SESSION_CLOSED is session_closed.
    private static string WordOf(EnumValueDescriptor value) =>
        value.Name[(value.EnumDescriptor.Name.Length + 1)..].ToLowerInvariant();

    private static long Read(ref long count) => Interlocked.Read(ref count);

    private int Add(LedgerEvent added)
    {
        LedgerEvent.FactOneofCase fact = added.FactCase;
        _facts[(int)fact]++;
        switch (fact)
        {
            case LedgerEvent.FactOneofCase.SessionOpened:
                return 1;
            case LedgerEvent.FactOneofCase.SessionEnded:
                return -1;
            case LedgerEvent.FactOneofCase.ReservationHeld when added.ReservationHeld.RequestedModel.Length > 0:
                _downgraded++;
                break;
            case LedgerEvent.FactOneofCase.ReservationHeld:
            case LedgerEvent.FactOneofCase.ReservationAmended:
            case LedgerEvent.FactOneofCase.CostRecorded:
            case LedgerEvent.FactOneofCase.ToolAuthorized:
                _allowed++;
                break;
            case LedgerEvent.FactOneofCase.ReservationRefused:
                _denied[(int)added.ReservationRefused.Reason]++;
                break;
            case LedgerEvent.FactOneofCase.RefusalsCoalesced:
                _denied[(int)added.RefusalsCoalesced.Reason] += added.RefusalsCoalesced.Count;
                break;
            case LedgerEvent.FactOneofCase.ReservationSettled:
                // A counter never goes back: what a late commit takes back of an estimate is not taken off it.
                ReservationSettled settled = added.ReservationSettled;
                long more = Math.Max(0, settled.Tokens - (settled.ExpiryCharge?.Tokens ?? 0));
                _settledTokens = WideSum.Capped((Int128)_settledTokens + more);
                break;
        }

        return 0;
    }
}
