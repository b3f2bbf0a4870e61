using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;

namespace AgentBudget.Simulation.Mutants;

/// <summary>A budget on a family of models is counted and never asked.</summary>
internal sealed class FamilyWindowSkipped : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            if (command is not ApplyCatalogCommand apply) return base.Handle(command, nowNanos, events);
            // The windows stay as they are, and end when they should; they only never refuse.
            Catalog without = apply.Catalog.Clone();
            foreach (ModelBudget family in without.ModelBudgets.Concat(
                without.UseCases.SelectMany(useCase => useCase.ModelBudgets)))
            {
                foreach (Budget window in family.FurtherBudgets.Prepend(family.Budget))
                    window.Tiers.Add(new Tier { AtPercent = 1000, Action = TierAction.Refuse });
            }

            Answer answer = base.Handle(apply with { Catalog = without }, nowNanos, events);
            if (answer.Event?.CatalogApplied is { } applied) applied.Catalog = apply.Catalog;
            return answer;
        }
    }
}

/// <summary>The first window of a user's budget begins at no time that is told.</summary>
internal sealed class UserWindowUntold : EventMutant
{
    protected override void Change(LedgerEvent recorded) => recorded.SessionOpened?.UserWindows.Clear();
}
