using AgentBudget.Ledger;
using AgentBudget.Runtime.Turns;

namespace AgentBudget.Runtime;

/// <summary>
/// A command on its way through its tenant's turn loop, and what happens once that has answered. Whoever waits derives
/// from it and may use it again after <see cref="Completed"/>.
/// </summary>
public abstract class PendingCommand
{
    private Command? _command;

    /// <summary>What the turn decided, once it is durable; nothing while there is a <see cref="Failure"/>.</summary>
    public Answer Decided { get; internal set; }

    /// <summary>What is said instead of an answer, if anything.</summary>
    public TenantException? Failure { get; internal set; }

    internal Command Command => _command!;

    internal CommandKind Kind { get; private set; }

    /// <summary>The next in whatever list it is in.</summary>
    internal PendingCommand? Next { get; set; }

    /// <summary>
    /// Says what was decided, or the failure: once for each time it is submitted, on any thread, inside of the
    /// submission when it is turned away at once. Others wait behind it: it takes no time and throws nothing.
    /// </summary>
    protected abstract void Completed();

    /// <summary>Forgets what was asked and answered.</summary>
    protected void Clear()
    {
        _command = null;
        Decided = default;
        Failure = null;
    }

    internal void Complete() => Completed();

    internal void Complete(Answer answer)
    {
        Decided = answer;
        Completed();
    }

    internal void Complete(TenantException failure)
    {
        Failure = failure;
        Completed();
    }

    internal void Ask(Command command)
    {
        _command = command;
        Kind = CommandKinds.Of(command);
    }
}
