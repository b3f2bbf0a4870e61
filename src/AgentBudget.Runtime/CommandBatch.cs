using AgentBudget.Ledger;

namespace AgentBudget.Runtime;

/// <summary>
/// Commands that reach a tenant together, and what came of each. They are decided in their order; other batches may
/// come between. Answered once, as a whole, when the last of them is.
/// </summary>
public sealed class CommandBatch
{
    private readonly TaskCompletionSource<Reply[]> _answered =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Reply[] _replies;
    private int _left;

    /// <summary>Takes at least one command. The list and the commands are not changed from here on.</summary>
    public CommandBatch(IReadOnlyList<Command> commands)
    {
        ArgumentNullException.ThrowIfNull(commands);
        ArgumentOutOfRangeException.ThrowIfZero(commands.Count, nameof(commands));
        Commands = commands;
        _replies = new Reply[commands.Count];
        _left = commands.Count;
    }

    /// <summary>What is asked.</summary>
    public IReadOnlyList<Command> Commands { get; }

    /// <summary>What came of the commands, in their order. The array is the caller's.</summary>
    public Task<Reply[]> Answered => _answered.Task;

    /// <summary>Only on the activation's step, once for each command.</summary>
    internal void Answer(int place, Reply reply)
    {
        _replies[place] = reply;
        if (--_left == 0) _answered.SetResult(_replies);
    }
}
