using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;

namespace AgentBudget.Simulation.Mutants;

/// <summary>A request id is the session's or the tenant's, whoever asks: the other one is answered too.</summary>
internal sealed class KeyWithoutPrincipal : LedgerMutant
{
    private const string Everybody = "everybody";

    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            if (command is not ReserveCommand { Request.DryRun: false } reserve)
                return base.Handle(command, nowNanos, events);
            // Asked first as everybody, who is the one that every hold was asked for by.
            int before = events.Count;
            Answer answer = base.Handle(reserve with { Principal = Everybody }, nowNanos, events);
            for (int i = before; i < events.Count; i++)
            {
                if (events[i].Principal == Everybody) events[i].Principal = reserve.Principal;
            }

            return answer;
        }
    }
}

/// <summary>A hold is settled, released and changed by whoever names it.</summary>
internal sealed class HoldWithoutOwner : LedgerMutant
{
    private const string Admin = "operators/anybody";

    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            int before = events.Count;
            Answer answer = base.Handle(
                command switch
                {
                    CommitCommand commit => commit with { Principal = Admin },
                    ReleaseCommand release => release with { Principal = Admin },
                    AmendCommand amend => amend with { Principal = Admin },
                    _ => command,
                },
                nowNanos,
                events);
            for (int i = before; i < events.Count; i++)
            {
                if (events[i].Principal == Admin) events[i].Principal = ((SpendCommand)command).Principal;
            }

            return answer;
        }
    }
}
