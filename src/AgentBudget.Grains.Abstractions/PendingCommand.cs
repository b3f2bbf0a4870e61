using AgentBudget.Ledger;

namespace AgentBudget.Grains.Abstractions;

/// <summary>
/// A command on its way to its tenant, and what happens once that has answered. Whoever waits derives from it and may
/// use it again after <see cref="Completed"/>.
/// </summary>
public abstract class PendingCommand
{
    private static readonly Reply Unknown = new(
        default, TenantFault.OutcomeUnknown, "the tenant did not say whether the request was recorded");

    private static readonly Reply Unread = new(
        default, TenantFault.NotReady, "the tenant did not answer; nothing was asked to be recorded");

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

    /// <summary>Says that nobody knows what came of it, instead of <see cref="Complete"/>.</summary>
    public void Lose() => Complete(Kind == CommandKind.Query ? Unread : Unknown);

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
