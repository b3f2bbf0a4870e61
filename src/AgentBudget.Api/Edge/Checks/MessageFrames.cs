using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Status = Google.Rpc.Status;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// The body of a gRPC request, read along before its messages are taken out of it: what is no frame, too large, one
/// message too many or too late ends the call with the status that gRPC has for that, and with its reason. Its reader
/// takes whole frames, as gRPC does.
/// </summary>
internal sealed class MessageFrames(
    PipeReader input, EdgeOptions options, TimeProvider time, int bytesMax, bool takesOne, bool isEncodingKnown)
    : PipeReader, IRequestBodyPipeFeature, IDisposable
{
    private const int PrefixBytes = 5;
    private const byte Compressed = 1;

    private readonly Lock _gate = new();
    private SequencePosition _start;
    private ITimer? _timer;
    private bool _isTaken; // A message at least.
    private bool _isAwaited; // The timer runs.
    private bool _hasBegun; // A part of a message is there.
    private volatile bool _isLate;

    /// <inheritdoc/>
    public PipeReader Reader => this;

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        if (!input.TryRead(out result))
            return false;
        result = Check(result);
        return true;
    }

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        ValueTask<ReadResult> reading;
        try
        {
            reading = input.ReadAsync(cancellationToken);
        }
        catch (Exception failure) when (IsMalformed(failure))
        {
            throw EdgeFaults.MessageMalformed(failure.Message).ToRpcException();
        }

        return reading.IsCompletedSuccessfully ? new(Check(reading.Result)) : ReadSlowlyAsync(reading);
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _isTaken |= !consumed.Equals(_start);
        input.AdvanceTo(consumed, examined);
    }

    /// <inheritdoc/>
    public override void CancelPendingRead() => input.CancelPendingRead();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => input.Complete(exception);

    /// <summary>The request is over: from here on its pipe may be another's.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isAwaited = false;
            _timer?.Dispose();
        }
    }

    private async ValueTask<ReadResult> ReadSlowlyAsync(ValueTask<ReadResult> reading)
    {
        // An idle stream may wait as long as it likes; a message that has begun, or that is the request, may not.
        if (takesOne || _hasBegun)
            Await();
        try
        {
            return Check(await reading);
        }
        catch (Exception failure) when (IsMalformed(failure))
        {
            throw EdgeFaults.MessageMalformed(failure.Message).ToRpcException();
        }
    }

    // The text form of gRPC-Web that is no base64, and chunks of HTTP/1.1 that are none.
    private static bool IsMalformed(Exception failure) =>
        failure is InvalidOperationException or InvalidDataException or FormatException or BadHttpRequestException;

    private ReadResult Check(in ReadResult result)
    {
        ReadOnlySequence<byte> buffer = result.Buffer;
        _start = buffer.Start;
        if (_isLate)
            throw Refuse(buffer, EdgeFaults.MessageLate(options.MessageArrivalMax));
        if (FaultOf(buffer, result.IsCompleted, out bool isWhole) is Status fault)
            throw Refuse(buffer, fault);
        _hasBegun = !isWhole && !buffer.IsEmpty;
        if (_isAwaited && (takesOne ? result.IsCompleted : isWhole))
            Relax();
        return result;
    }

    // Kestrel reads on after a refusal, to find the next request, and expects this read to be over.
    private RpcException Refuse(in ReadOnlySequence<byte> buffer, Status fault)
    {
        input.AdvanceTo(buffer.End);
        return fault.ToRpcException();
    }

    private Status? FaultOf(in ReadOnlySequence<byte> buffer, bool isCompleted, out bool isWhole)
    {
        isWhole = false;
        if (takesOne && _isTaken && !buffer.IsEmpty)
            return EdgeFaults.MoreThanOneMessage();
        if (buffer.Length >= PrefixBytes)
        {
            Span<byte> prefix = stackalloc byte[PrefixBytes];
            buffer.Slice(0, PrefixBytes).CopyTo(prefix);
            uint length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
            if (prefix[0] > Compressed)
                return EdgeFaults.FlagsUnknown(prefix[0]);
            if (length > (uint)bytesMax)
                return EdgeFaults.MessageTooLarge(bytesMax);
            if (prefix[0] == Compressed && !isEncodingKnown)
                return EdgeFaults.CompressionUndeclared();
            isWhole = buffer.Length >= PrefixBytes + length;
            if (isWhole)
                return takesOne && buffer.Length > PrefixBytes + length ? EdgeFaults.MoreThanOneMessage() : null;
        }

        if (!isCompleted)
            return null;
        if (!buffer.IsEmpty)
            return EdgeFaults.MessageIncomplete();
        return takesOne && !_isTaken ? EdgeFaults.MessageMissing() : null;
    }

    private void Await()
    {
        lock (_gate)
        {
            if (_isAwaited)
                return;
            _isAwaited = true;
            _timer ??= time.CreateTimer(
                static frames => ((MessageFrames)frames!).OnLate(),
                this,
                Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan);
            _timer.Change(options.MessageArrivalMax, Timeout.InfiniteTimeSpan);
        }
    }

    private void Relax()
    {
        lock (_gate)
        {
            _isAwaited = false;
            _timer!.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnLate()
    {
        lock (_gate)
        {
            if (!_isAwaited)
                return;
            _isLate = true;
            input.CancelPendingRead();
        }
    }
}
