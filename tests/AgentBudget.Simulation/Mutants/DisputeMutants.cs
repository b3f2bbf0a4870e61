using AgentBudget.Protocol.V1;

namespace AgentBudget.Simulation.Mutants;

/// <summary>What is in dispute is settled on the accounts that others share as well.</summary>
internal sealed class DisputeCountedTwice : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ReservationSettled is { Disputed: true } settled) settled.Disputed = false;
    }
}

/// <summary>A dismissal gives back twice what was in dispute.</summary>
internal sealed class DismissalTwice : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.DisputeDecided is not { Decision: DisputeDecision.Dismissed } decided) return;
        decided.CostNanos *= 2;
        decided.Tokens *= 2;
    }
}
