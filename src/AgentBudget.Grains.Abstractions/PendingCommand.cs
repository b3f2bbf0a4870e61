using AgentBudget.Ledger;

namespace AgentBudget.Grains.Abstractions;

/// <summary>
/// A command on its way to its tenant, and what happens once that has answered. Whoever waits derives from it and may
/// use it again after <see cref="Completed"/>.
/// </summary>
public abstract class PendingCommand
{
    private Command? _command;

    /// <summary>What the turn decided, once it is durable; nothing while there is a <see cref="Failure"/>.</summary>
    public Answer Decided { get; private set; }

    /// <summary>What is said instead of an answer, if anything.</summary>
    public TenantException? Failure { get; private set; }

    /// <summary>What is asked.</summary>
    public Command Command => _command!;

    /// <summary>Its kind.</summary>
    public CommandKind Kind { get; private set; }

    /// <summary>Takes the command, before it is on its way.</summary>
    public void Ask(Command command)
    {
        _command = command;
        Kind = CommandKinds.Of(command);
    }

    /// <summary>Says what came of it; once for each time it is asked.</summary>
    public void Complete(in Reply reply)
    {
        if (reply.Fault is { } fault) Failure = new TenantException(fault, reply.Message);
        else Decided = reply.Answer;
        Completed();
    }

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
}
