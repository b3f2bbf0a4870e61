using AgentBudget.Ledger;

namespace AgentBudget.Runtime.Turns;

/// <summary>A command on its way through the turn loop.</summary>
/// <param name="Batch">What it came with.</param>
/// <param name="Place">Its place there.</param>
internal readonly record struct WaitingTurn(CommandBatch Batch, int Place)
{
    /// <summary>What the turn decided; it may leave once its group is durable.</summary>
    public Answer Decided { get; init; }

    public Command Command => Batch.Commands[Place];

    public CommandKind Kind => CommandKinds.Of(Command);
}
