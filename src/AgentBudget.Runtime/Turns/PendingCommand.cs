using System.Threading.Tasks.Sources;
using AgentBudget.Grains;

namespace AgentBudget.Runtime.Turns;

/// <summary>
/// A command on its way through the loop, and the task of the one who waits for it. Reused: it goes back to its pool
/// when its result is taken, so it is awaited exactly once.
/// </summary>
internal sealed class PendingCommand : IValueTaskSource<Answer>
{
    private const int PooledPerThreadMax = 1024; // As many as one thread has calls in flight; the rest is garbage.

    [ThreadStatic]
    private static Stack<PendingCommand>? _pool;

    private ManualResetValueTaskSourceCore<Answer> _core;
    private Command? _command;

    public Command Command => _command!;

    public CommandKind Kind { get; private set; }

    /// <summary>What the turn decided; it leaves when its group is durable.</summary>
    public Answer Decided { get; set; }

    /// <summary>What is said instead of an answer, if anything.</summary>
    public TenantException? Failure { get; set; }

    /// <summary>The next in whatever list it is in.</summary>
    public PendingCommand? Next { get; set; }

    public ValueTask<Answer> Task => new(this, _core.Version);

    public static PendingCommand Take(Command command, CommandKind kind)
    {
        if (_pool is null || !_pool.TryPop(out PendingCommand? pending)) pending = new PendingCommand();
        pending._command = command;
        pending.Kind = kind;
        return pending;
    }

    /// <summary>
    /// Says what was decided, or the failure. What the caller does next runs inside: never call it from a step.
    /// </summary>
    public void Complete()
    {
        if (Failure is null) _core.SetResult(Decided);
        else _core.SetException(Failure);
    }

    public Answer GetResult(short token)
    {
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            GiveBack();
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private void GiveBack()
    {
        _core.Reset();
        _command = null;
        Decided = default;
        Failure = null;
        Next = null;
        Stack<PendingCommand> pool = _pool ??= new Stack<PendingCommand>();
        if (pool.Count < PooledPerThreadMax) pool.Push(this);
    }
}

/// <summary>Commands in the order of their arrival; a command is in at most one list.</summary>
internal struct CommandList
{
    private PendingCommand? _first;
    private PendingCommand? _last;

    public readonly bool IsEmpty => _first is null;

    public void Add(PendingCommand command)
    {
        command.Next = null;
        if (_last is null) _first = command;
        else _last.Next = command;
        _last = command;
    }

    public bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out PendingCommand? command)
    {
        command = _first;
        if (command is null) return false;
        _first = command.Next;
        if (_first is null) _last = null;
        command.Next = null;
        return true;
    }
}
