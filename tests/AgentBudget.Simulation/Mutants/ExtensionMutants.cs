using AgentBudget.Protocol.V1;

namespace AgentBudget.Simulation.Mutants;

/// <summary>An approval extends the budget by twice what it grants.</summary>
internal sealed class ApprovedTwice : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ExtensionDecided?.Extended is not { } extended) return;
        extended.ExtensionNanos += recorded.ExtensionDecided.Nanos;
        extended.ExtensionTokens += recorded.ExtensionDecided.Tokens;
    }
}

