using System.Diagnostics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Client;

/// <summary>
/// One item on its way: waiting for a stream, on a stream, or waiting for its retry; then answered or failed, once. A
/// reserve whose caller has gone stays on its way for a while, so that what it held can be given back.
/// </summary>
internal sealed class SpendCall
{
    private readonly TaskCompletionSource<SpendAnswer> _result =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile object? _carrier;
    private int _isAbandoned;

    public SpendCall(SpendItem item, string requestId, long startTicks, long deadlineTicks)
    {
        Item = item;
        RequestId = requestId;
        StartTicks = startTicks;
        DeadlineTicks = deadlineTicks;
        Bytes = item.CalculateSize();
    }

    public SpendItem Item { get; }

    public string RequestId { get; }

    /// <summary>Size on the wire, and elements of lists and maps, by which messages are bounded.</summary>
    public int Bytes { get; }

    public int Elements { get; init; }

    public long StartTicks { get; }

    public long DeadlineTicks { get; private set; }

    /// <summary>Attempts that were answered with a fault, or lost with their stream.</summary>
    public int Attempts { get; private set; }

    public CallFault? LastFault { get; private set; }

    public bool WasSent { get; private set; }

    public Activity? Activity { get; init; }

    public CancellationTokenRegistration Cancellation { get; set; }

    /// <summary>The stream that carries it now.</summary>
    public object? Carrier => _carrier;

    public bool IsAbandoned => Volatile.Read(ref _isAbandoned) == 1;

    public Task<SpendAnswer> Result => _result.Task;

    /// <summary>An answer to it may have taken a hold that nobody will settle.</summary>
    public bool LeavesAHold => Item.Reserve is { DryRun: false } && WasSent;

    public void CarriedBy(object carrier)
    {
        WasSent = true;
        _carrier = carrier;
    }

    /// <summary>Takes it off its stream; false if it was on another one.</summary>
    public void Lost(CallFault fault)
    {
        Attempts++;
        LastFault = LastFault is { MayHaveHadEffect: true }
            ? fault with { MayHaveHadEffect = true }
            : fault;
        _carrier = null;
    }

    public void Answer(SpendAnswer answer) => _result.TrySetResult(answer);

    public void Fail(Exception exception) => _result.TrySetException(exception);

    public void Cancel(CancellationToken cancellation) => _result.TrySetCanceled(cancellation);

    /// <summary>The caller has gone: it stays on its way until another time, once.</summary>
    public bool Abandon(long deadlineTicks)
    {
        if (Interlocked.Exchange(ref _isAbandoned, 1) == 1) return false;
        DeadlineTicks = deadlineTicks;
        return true;
    }
}
