using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Runtime.Turns;

/// <summary>What a turn loop drives: a tenant's ledger.</summary>
internal interface ITurnLedger
{
    long Sequence { get; }

    long LogTimeNanos { get; }

    long NextDeadlineNanos { get; }

    int OpenSessions { get; }

    Answer Handle(Command command, long nowNanos, List<LedgerEvent> events);

    void HandleDeadlines(long nowNanos, List<LedgerEvent> events);

    void Apply(LedgerEvent ledgerEvent);

    LedgerCapture Capture();
}

/// <summary>A ledger's state at one place, taken in a moment.</summary>
/// <param name="Records">How much there is of it.</param>
/// <param name="ToBytes">Makes its bytes, which takes longer; called once, on any thread.</param>
internal sealed record LedgerCapture(long Records, Func<byte[]> ToBytes);

/// <summary>Makes ledgers.</summary>
internal interface ITurnLedgers
{
    ITurnLedger Create(string tenant);

    ITurnLedger Restore(string tenant, ReadOnlySpan<byte> snapshot);
}

/// <summary>The real ledger.</summary>
internal sealed class TenantLedgers : ITurnLedgers
{
    public ITurnLedger Create(string tenant) => new LedgerOfTenant(new TenantLedger(tenant));

    public ITurnLedger Restore(string tenant, ReadOnlySpan<byte> snapshot) =>
        new LedgerOfTenant(TenantLedger.Restore(tenant, snapshot));

    private sealed class LedgerOfTenant(TenantLedger ledger) : ITurnLedger
    {
        public long Sequence => ledger.Sequence;

        public long LogTimeNanos => ledger.LogTimeNanos;

        public long NextDeadlineNanos => ledger.NextDeadlineNanos;

        public int OpenSessions => ledger.OpenSessions;

        public Answer Handle(Command command, long nowNanos, List<LedgerEvent> events) =>
            ledger.Handle(command, nowNanos, events);

        public void HandleDeadlines(long nowNanos, List<LedgerEvent> events) =>
            ledger.HandleDeadlines(nowNanos, events);

        public void Apply(LedgerEvent ledgerEvent) => ledger.Apply(ledgerEvent);

        public LedgerCapture Capture()
        {
            LedgerSnapshot snapshot = ledger.Capture();
            return new LedgerCapture(snapshot.Records, snapshot.ToBytes);
        }
    }
}
