using System.Buffers;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Rpc.Server;

internal sealed partial class HttpCall
{
    /// <summary>From here the call is a stream whose handler takes the messages.</summary>
    internal void BeginRequestStream()
    {
        _isMessageRead = true;
        if (IsDeadlinePassed)
            throw Faults.DeadlinePassed();
        BeginStream();
    }

    /// <summary>Takes the next message of a stream out of what was read.</summary>
    /// <param name="buffer">What is left of it; less after a message was taken, nothing after a fault.</param>
    /// <param name="isCompleted">Nothing comes behind it.</param>
    /// <param name="message">Null at the end of the stream.</param>
    /// <returns>False when neither a whole message nor the end is there yet.</returns>
    /// <exception cref="RpcException">The stream goes on with something that is not a readable message.</exception>
    internal bool TryTakeNext(ref ReadOnlySequence<byte> buffer, bool isCompleted, out IMessage? message)
    {
        message = null;
        ReadOnlySequence<byte> whole = buffer;
        buffer = whole.Slice(whole.End);
        if (_isMessageLate)
            throw Faults.MessageLate(_server.Options.MessageArrivalMax);
        long frameBytes = FrameBytes(whole, out byte flags);
        if (frameBytes > 0 && whole.Length >= frameBytes)
        {
            ReadOnlySequence<byte> frame = whole.Slice(0, frameBytes);
            message = Parse(frame.Slice(MessageFrame.PrefixBytes), flags == MessageFrame.Compressed);
            buffer = whole.Slice(frame.End);
            Volatile.Write(ref _arrivalDeadlineTimestamp, 0);
            return true;
        }

        if (isCompleted)
            return whole.IsEmpty ? true : throw Faults.MessageIncomplete();

        // An idle stream may wait as long as it likes, a message that has begun may not.
        if (!whole.IsEmpty && _arrivalDeadlineTimestamp == 0)
            Volatile.Write(ref _arrivalDeadlineTimestamp, _server.ArrivalDeadline());
        buffer = whole;
        return false;
    }

    /// <summary>What a failed read of the stream means to its handler.</summary>
    internal Exception TranslateRead(Exception failure)
    {
        switch (failure)
        {
            case RpcException:
                return failure;
            case BadHttpRequestException malformed:
                return Faults.MessageMalformed(malformed.Message);
            case IOException or OperationCanceledException:
                // A read that fails without a cancellation of ours: the caller reset the call or its connection broke.
                EnsureCancellation().Fire(CancellationCause.CallerReset);
                return new OperationCanceledException("The call is over.", failure, Cancellation);
            default:
                return failure;
        }
    }

    /// <summary>Ends a read that its handler left behind, at the price of the HTTP stream.</summary>
    internal void CutRequest() => _lifetime.Abort();

    /// <summary>The length of the frame that begins here, with its prefix; zero when the prefix is not whole.</summary>
    /// <exception cref="RpcException">The prefix announces what is not taken.</exception>
    private long FrameBytes(in ReadOnlySequence<byte> buffer, out byte flags)
    {
        if (!MessageFrame.TryReadPrefix(buffer, out flags, out uint length))
            return 0;
        if (flags > MessageFrame.Compressed)
            throw Faults.FlagsUnknown(flags);
        if (length > (uint)_server.Options.MessageBytesMax)
            throw Faults.MessageTooLarge(_server.Options.MessageBytesMax);
        return MessageFrame.PrefixBytes + (long)length;
    }
}
