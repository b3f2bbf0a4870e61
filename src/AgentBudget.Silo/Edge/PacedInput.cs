using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;

namespace AgentBudget.Silo.Edge;

/// <summary>
/// What a connection reads of its caller, with control frames no faster than their budget lets them: rapid resets and
/// floods wait where they are sent, instead of taking the cores from everyone else. All other bytes pass as they come.
/// </summary>
internal sealed class PacedInput(PipeReader input, ControlBudget budget, TimeProvider time) : PipeReader
{
    // So little is let through at once that an attacker is some milliseconds ahead of those who wait behind him, and so
    // much that waiting costs nothing.
    internal const int UnitsAtOnce = ControlBudget.UnitsPerSecond / 200;

    // What each connection has for itself: settings, window updates and pings of callers who are no attackers wait for
    // nobody.
    private const int OwnUnitsPerSecond = 1_000;

    // What a timer can do; what it is late is made up for by the budget.
    private static readonly TimeSpan WaitMin = TimeSpan.FromMilliseconds(1);

    private readonly ControlFrames _frames = new();
    private readonly ControlBudget _own = new(time, OwnUnitsPerSecond, OwnUnitsPerSecond);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ReadOnlySequence<byte> _shown;
    private long _paidBytes; // Of the shown bytes that are not consumed, those whose frames are paid for: a beginning.
    private long _paidAtTimestamp;
    private volatile bool _isReadCanceled;

    /// <summary>Puts this around the input of every connection that is served.</summary>
    internal static ConnectionDelegate Around(ConnectionDelegate serve, ControlBudget budget, TimeProvider time) =>
        async connection =>
        {
            PacedInput paced = new(connection.Transport.Input, budget, time);
            await using CancellationTokenRegistration closing = connection.ConnectionClosed.UnsafeRegister(
                static input => ((PacedInput)input!)._ended.TrySetResult(), paced);
            connection.Transport = new Duplex(paced, connection.Transport.Output);
            await serve(connection);
        };

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        if (!input.TryRead(out result))
            return false;
        Pay(result.Buffer);
        if (Owed == TimeSpan.Zero)
        {
            result = Show(result);
            return true;
        }

        input.AdvanceTo(result.Buffer.Start);
        result = default;
        return false;
    }

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ValueTask<ReadResult> reading = input.ReadAsync(cancellationToken);
        if (!reading.IsCompletedSuccessfully)
            return ReadSlowlyAsync(reading);
        ReadResult result = reading.Result;
        Pay(result.Buffer);
        return Owed == TimeSpan.Zero ? new(Show(result)) : WaitAsync(result);
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _paidBytes -= _shown.Slice(_shown.Start, consumed).Length;
        _shown = default;
        input.AdvanceTo(consumed, examined);
    }

    /// <inheritdoc/>
    public override void CancelPendingRead()
    {
        _isReadCanceled = true;
        input.CancelPendingRead();
        _ended.TrySetResult();
    }

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => input.Complete(exception);

    // From now until what was paid may be spent.
    private TimeSpan Owed
    {
        get
        {
            if (_paidAtTimestamp == 0)
                return TimeSpan.Zero;
            TimeSpan owed = time.GetElapsedTime(time.GetTimestamp(), _paidAtTimestamp);
            if (owed > TimeSpan.Zero)
                return owed;
            _paidAtTimestamp = 0;
            return TimeSpan.Zero;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> ReadSlowlyAsync(ValueTask<ReadResult> reading)
    {
        ReadResult result = await reading;
        Pay(result.Buffer);
        return Owed == TimeSpan.Zero ? Show(result) : await WaitAsync(result);
    }

    private async ValueTask<ReadResult> WaitAsync(ReadResult result)
    {
        while (Owed is var owed && owed > TimeSpan.Zero)
        {
            await Task.WhenAny(_ended.Task, Task.Delay(owed < WaitMin ? WaitMin : owed, time));
            if (_ended.Task.IsCompleted)
            {
                // What still waits of a connection that is over is work for nobody.
                _shown = result.Buffer.Slice(0, 0);
                return new ReadResult(_shown, _isReadCanceled, isCompleted: !_isReadCanceled);
            }
        }

        return Show(result);
    }

    /// <summary>Reads the frames that have come, as far as a beginning of them is let through at once.</summary>
    private void Pay(in ReadOnlySequence<byte> buffer)
    {
        if (_paidAtTimestamp != 0 || buffer.Length <= _paidBytes)
            return;
        _paidBytes += _frames.Read(buffer.Slice(_paidBytes), UnitsAtOnce, out int units);
        if (units == 0 || _own.TryTake(units))
            return;
        TimeSpan wait = budget.Take(units);
        if (wait > TimeSpan.Zero)
            _paidAtTimestamp = time.GetTimestamp() + (long)(wait.TotalSeconds * time.TimestampFrequency);
    }

    private ReadResult Show(in ReadResult result)
    {
        if (_paidBytes >= result.Buffer.Length)
        {
            _shown = result.Buffer;
            return result;
        }

        _shown = result.Buffer.Slice(0, _paidBytes);
        return new ReadResult(_shown, result.IsCanceled, isCompleted: false);
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
