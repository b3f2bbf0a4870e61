using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Simulation.Mutants;

/// <summary>A patch tells what it removes and forgets to remove it.</summary>
internal sealed class RemovalForgotten : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            if (command is not PatchCatalogCommand { Remove.Count: > 0, Request.DryRun: false } patch)
                return base.Handle(command, nowNanos, events);
            PatchCatalogRequest dry = patch.Request.Clone();
            dry.DryRun = true;
            Answer wouldBe = base.Handle(patch with { Request = dry }, nowNanos, events);
            if (wouldBe.Outcome != Outcome.Done) return base.Handle(command, nowNanos, events);
            Answer answer = base.Handle(patch with { Remove = [] }, nowNanos, events);
            if (answer.Event is { Sequence: > 0, CatalogPatched: { } patched })
            {
                patched.Removed.Add(wouldBe.Event!.CatalogPatched.Removed);
                patched.Changes.Clear();
                patched.Changes.Add(wouldBe.Event.CatalogPatched.Changes);
            }

            return answer;
        }
    }
}
