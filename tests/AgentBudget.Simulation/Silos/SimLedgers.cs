using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using AgentBudget.Simulation.Core;

namespace AgentBudget.Simulation.Silos;

/// <summary>
/// The real accounts, and now and then a defect in a turn after which their memory may be half-changed.
/// </summary>
internal sealed class SimLedgers(SimWorld world) : ITurnLedgers
{
    private readonly TenantLedgers _real = new();

    public ITurnLedger Create(string tenant) => new Ledger(world, _real.Create(tenant));

    public ITurnLedger Restore(string tenant, ReadOnlySpan<byte> snapshot) =>
        new Ledger(world, _real.Restore(tenant, snapshot));

    private sealed class Ledger(SimWorld world, ITurnLedger real) : LedgerDecorator(real)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            Answer answer = base.Handle(command, nowNanos, events);
            if (world.Happens(SimFault.TurnDefect)) throw new InvalidOperationException("injected: a defect in a turn");
            return answer;
        }
    }
}

/// <summary>A ledger around another one.</summary>
internal abstract class LedgerDecorator(ITurnLedger inner) : ITurnLedger
{
    public virtual long Sequence => inner.Sequence;

    public virtual long LogTimeNanos => inner.LogTimeNanos;

    public virtual long NextDeadlineNanos => inner.NextDeadlineNanos;

    public virtual int OpenSessions => inner.OpenSessions;

    public virtual Answer Handle(Command command, long nowNanos, List<LedgerEvent> events) =>
        inner.Handle(command, nowNanos, events);

    public virtual void HandleDeadlines(long nowNanos, List<LedgerEvent> events) =>
        inner.HandleDeadlines(nowNanos, events);

    public virtual void Apply(LedgerEvent ledgerEvent) => inner.Apply(ledgerEvent);

    public virtual LedgerCapture Capture() => inner.Capture();
}
