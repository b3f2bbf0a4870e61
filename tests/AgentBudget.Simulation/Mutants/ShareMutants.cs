using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;

namespace AgentBudget.Simulation.Mutants;

/// <summary>What is a share of each agent is one bound of all of them: any of them can take it all.</summary>
internal sealed class ShareCountedGlobally : LedgerMutant
{
    private const long Otherwise = 10_000;

    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            if (command is not ApplyCatalogCommand apply) return base.Handle(command, nowNanos, events);
            Catalog summed = apply.Catalog.Clone();
            foreach (Agent agent in summed.Agents)
            {
                agent.Bounds = new AgentBounds
                {
                    OpenHolds = Sum(apply.Catalog, bounds => bounds.HasOpenHolds ? bounds.OpenHolds : Otherwise),
                    OpenSessions = Sum(
                        apply.Catalog, bounds => bounds.HasOpenSessions ? bounds.OpenSessions : Otherwise),
                    SessionsPerMinute = Sum(
                        apply.Catalog, bounds => bounds.HasSessionsPerMinute ? bounds.SessionsPerMinute : Otherwise),
                };
            }

            Answer answer = base.Handle(apply with { Catalog = summed }, nowNanos, events);
            if (answer.Event?.CatalogApplied is { } applied) applied.Catalog = apply.Catalog;
            return answer;
        }

        private static long Sum(Catalog catalog, Func<AgentBounds, long> bound) =>
            catalog.Agents.Sum(agent => bound(agent.Bounds ?? new AgentBounds()));
    }
}

/// <summary>An agent whose sessions are suspended one after the other goes on in new ones.</summary>
internal sealed class AgentBreakerSkipped : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            if (command is not ApplyCatalogCommand apply) return base.Handle(command, nowNanos, events);
            Catalog without = apply.Catalog.Clone();
            foreach (Agent agent in without.Agents.Where(agent => agent.Breakers is not null))
                agent.Breakers.SuspendedSessions = new CountBreaker { Times = 1_000_000_000 };
            Answer answer = base.Handle(apply with { Catalog = without }, nowNanos, events);
            if (answer.Event?.CatalogApplied is { } applied) applied.Catalog = apply.Catalog;
            return answer;
        }
    }
}

/// <summary>An agent that spreads refusals and charges over many sessions goes on.</summary>
internal sealed class SpreadUncounted : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            if (command is not ApplyCatalogCommand apply) return base.Handle(command, nowNanos, events);
            Catalog without = apply.Catalog.Clone();
            foreach (Agent agent in without.Agents.Where(agent => agent.Breakers is not null))
                (agent.Breakers.RefusalsOfAgent, agent.Breakers.BurnRateOfAgent) = (null, null);
            Answer answer = base.Handle(apply with { Catalog = without }, nowNanos, events);
            if (answer.Event?.CatalogApplied is { } applied) applied.Catalog = apply.Catalog;
            return answer;
        }
    }
}
