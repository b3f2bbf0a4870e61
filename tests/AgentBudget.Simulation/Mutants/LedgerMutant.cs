using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;

namespace AgentBudget.Simulation.Mutants;

/// <summary>A mutant of the rules: stands around each ledger that a silo loads.</summary>
internal abstract class LedgerMutant : Mutant
{
    public sealed override ITurnLedgers Ledgers(SimWorld world, SimSilo silo, ITurnLedgers inner) =>
        new Around(this, world, silo, inner);

    protected abstract ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored);

    private sealed class Around(LedgerMutant mutant, SimWorld world, SimSilo silo, ITurnLedgers inner) : ITurnLedgers
    {
        public ITurnLedger Create(string tenant) =>
            mutant.Wrap(world, silo, tenant, inner.Create(tenant), isRestored: false);

        public ITurnLedger Restore(string tenant, ReadOnlySpan<byte> snapshot) =>
            mutant.Wrap(world, silo, tenant, inner.Restore(tenant, snapshot), isRestored: true);
    }
}

/// <summary>A mutant that changes what turns record.</summary>
internal abstract class EventMutant : LedgerMutant
{
    protected abstract void Change(LedgerEvent recorded);

    protected sealed override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(this, inner);

    private sealed class Broken(EventMutant mutant, ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            int before = events.Count;
            Answer answer = base.Handle(command, nowNanos, events);
            for (int i = before; i < events.Count; i++) mutant.Change(events[i]);
            return answer;
        }

        public override void HandleDeadlines(long nowNanos, List<LedgerEvent> events)
        {
            int before = events.Count;
            base.HandleDeadlines(nowNanos, events);
            for (int i = before; i < events.Count; i++) mutant.Change(events[i]);
        }
    }
}

/// <summary>A settlement's event does not carry the request id.</summary>
internal sealed class ForgottenKey : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ReservationSettled is not null) recorded.RequestId = "";
    }
}

/// <summary>A release gives back twice what was held.</summary>
internal sealed class ReleaseTwice : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ReservationReleased is { } released) released.ReleasedNanos *= 2;
    }
}

/// <summary>What was used above the hold is not charged.</summary>
internal sealed class ClippedOverrun : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ReservationSettled is not { } settled) return;
        settled.CostNanos -= settled.OverrunNanos;
        settled.OverrunNanos = 0;
    }
}

/// <summary>An event's time is now and then before the one before it.</summary>
internal sealed class ClockGoesBack : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.Sequence % 7 == 0) recorded.Time.Seconds--;
    }
}
