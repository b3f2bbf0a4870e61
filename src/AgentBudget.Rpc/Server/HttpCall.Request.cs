using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Text;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Rpc.Server;

internal sealed partial class HttpCall
{
    private static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private MessageEncoding _encoding;
    private long _arrivalDeadlineTimestamp;
    private volatile bool _isMessageLate;
    private bool _isMessageRead;
    private ConnectQuery? _query;

    /// <summary>Whether the last message of the request came compressed.</summary>
    internal bool IsMessageCompressed { get; private set; }

    // The largest message with its prefix as base64, and room for padding here and there.
    private long TextBytesMax => ((_server.Options.MessageBytesMax + (long)MessageFrame.PrefixBytes) * 4 / 3) + 64;

    private enum MessageEncoding
    {
        Identity,
        Gzip,
    }

    /// <summary>Takes what the headers say: deadline, encoding, protocol version.</summary>
    /// <exception cref="RpcException">They say something wrong.</exception>
    internal void Begin(RpcMethod method, WireProtocol protocol, ConnectQuery? query)
    {
        _method = method;
        _protocol = protocol;
        _query = query;
        if (WireProtocols.IsGrpcFamily(protocol))
        {
            StringValues timeout = _request.Headers.GrpcTimeout;
            if (timeout.Count > 0)
            {
                if (!CallTimeout.TryParseGrpc(timeout.ToString(), out TimeSpan value))
                    throw Faults.HeaderMalformed("grpc-timeout");
                SetDeadline(value);
            }

            TakeEncoding(_request.Headers.GrpcEncoding);
            return;
        }

        BeginConnect();
    }

    /// <summary>Called when the message was not there at the first look: from now on it has limited time.</summary>
    internal void AwaitMessage()
    {
        if (_arrivalDeadlineTimestamp != 0)
            return;
        _arrivalDeadlineTimestamp = _server.ArrivalDeadline();
        Watch();
    }

    /// <summary>
    /// Takes the request message out of what was read; true when it is whole and the request has ended.
    /// </summary>
    /// <param name="result">What the body reader returned; it is advanced here.</param>
    /// <param name="message">Null until the message was parsed.</param>
    /// <exception cref="RpcException">The request is not one readable message.</exception>
    internal bool TryTakeMessage(in ReadResult result, [NotNullWhen(true)] ref IMessage? message)
    {
        if (result.IsCanceled && _isMessageLate)
        {
            _requestBody.Reader.AdvanceTo(result.Buffer.End);
            throw Faults.MessageLate(_server.Options.MessageArrivalMax);
        }

        ReadOnlySequence<byte> buffer = result.Buffer;
        try
        {
            bool isTaken = WireProtocols.IsFramed(_protocol)
                ? TryTakeFrame(buffer, result.IsCompleted, ref message)
                : TryTakeBody(buffer, result.IsCompleted, ref message);
            if (isTaken)
            {
                _isMessageRead = true;
                _arrivalDeadlineTimestamp = 0;
            }

            return isTaken;
        }
        catch (RpcException)
        {
            // Kestrel reads on after a refusal, to find the next request, and expects this read to be over.
            _requestBody.Reader.AdvanceTo(buffer.End);
            throw;
        }
    }

    private bool TryTakeFrame(
        in ReadOnlySequence<byte> buffer, bool isCompleted, [NotNullWhen(true)] ref IMessage? message)
    {
        SequencePosition rest = buffer.Start;
        if (message is not null)
        {
            if (!buffer.IsEmpty)
                throw Faults.MoreThanOneMessage();
        }
        else if (FrameBytes(buffer, out byte flags) is var frameBytes and > 0)
        {
            if (buffer.Length > frameBytes)
                throw Faults.MoreThanOneMessage();
            if (buffer.Length == frameBytes)
            {
                message = Parse(buffer.Slice(MessageFrame.PrefixBytes), flags == MessageFrame.Compressed);
                rest = buffer.End;
            }
        }

        if (isCompleted && message is null)
            throw buffer.IsEmpty ? Faults.MessageMissing() : Faults.MessageIncomplete();
        _requestBody.Reader.AdvanceTo(rest, buffer.End);
        return isCompleted && message is not null;
    }

    private bool TryTakeBody(
        in ReadOnlySequence<byte> buffer, bool isCompleted, [NotNullWhen(true)] ref IMessage? message)
    {
        bool isText = _protocol == WireProtocol.GrpcWebText;
        if (buffer.Length > (isText ? TextBytesMax : _server.Options.MessageBytesMax))
            throw Faults.MessageTooLarge(_server.Options.MessageBytesMax);
        if (!isCompleted)
        {
            _requestBody.Reader.AdvanceTo(buffer.Start, buffer.End);
            return false;
        }

        if (isText)
            message = ParseText(buffer);
        else if (_query is not null)
            message = Parse(new ReadOnlySequence<byte>(_query.Message), _encoding == MessageEncoding.Gzip);
        else
            message = Parse(buffer, _encoding == MessageEncoding.Gzip);
        _requestBody.Reader.AdvanceTo(buffer.End);
        return true;
    }

    /// <summary>Parses the text form of gRPC-Web, which is decoded first and holds one frame then.</summary>
    private IMessage ParseText(in ReadOnlySequence<byte> text)
    {
        ReadOnlySequence<byte> buffer = new(GrpcWebAnswer.DecodeText(text));
        long frameBytes = FrameBytes(buffer, out byte flags);
        if (frameBytes == 0 || buffer.Length < frameBytes)
            throw buffer.IsEmpty ? Faults.MessageMissing() : Faults.MessageIncomplete();
        if (buffer.Length > frameBytes)
            throw Faults.MoreThanOneMessage();
        return Parse(buffer.Slice(MessageFrame.PrefixBytes), flags == MessageFrame.Compressed);
    }

    private IMessage Parse(in ReadOnlySequence<byte> payload, bool isCompressed)
    {
        IsMessageCompressed = isCompressed;
        if (!isCompressed && payload.IsSingleSegment)
            return ParsePlain(payload.FirstSpan);
        if (isCompressed && _encoding == MessageEncoding.Identity)
            throw Faults.CompressionUndeclared();
        (byte[] rented, int length) = isCompressed
            ? GzipInflater.Inflate(payload, _server.Options.MessageBytesMax, _protocol)
            : Join(payload);
        try
        {
            return ParsePlain(rented.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private IMessage ParsePlain(ReadOnlySpan<byte> payload)
    {
        if (WireProtocols.IsJson(_protocol))
            return ParseJson(payload);
        ThrowIfTooManyItems(payload);
        try
        {
            return _method!.SharedField is { } shared
                ? shared.Parse(payload)
                : _method.Descriptor.InputType.Parser.ParseFrom(payload);
        }
        catch (Exception failure) when (
            failure is InvalidProtocolBufferException or IndexOutOfRangeException or ArgumentException)
        {
            // The parser runs beyond the end of some broken nested messages, and says so as any array would.
            throw Faults.MessageMalformed(failure.Message);
        }
    }

    // What must be known before a message is parsed is read from one piece.
    private static (byte[] Rented, int Length) Join(in ReadOnlySequence<byte> payload)
    {
        int length = (int)payload.Length;
        byte[] rented = ArrayPool<byte>.Shared.Rent(length);
        payload.CopyTo(rented);
        return (rented, length);
    }

    private void ThrowIfTooManyItems(ReadOnlySpan<byte> payload)
    {
        int itemsMax = _server.Options.MessageItemsMax;
        if (ItemCount.IsAbove(itemsMax, payload, _method!.Descriptor.InputType))
            throw Faults.TooManyItems(itemsMax);
    }

    private IMessage ParseJson(ReadOnlySpan<byte> payload)
    {
        if (payload.IsEmpty)
            throw Faults.MessageMalformed("it is empty; an empty message is {}.");
        if (JsonItemCount.IsAbove(_server.Options.MessageItemsMax, payload))
            throw Faults.TooManyItems(_server.Options.MessageItemsMax);
        IMessage message;
        try
        {
            message = _server.Json.Parse(StrictUtf8.GetString(payload), _method!.Descriptor.InputType);
        }
        catch (Exception failure) when (failure is InvalidProtocolBufferException or InvalidJsonException
            or FormatException or OverflowException or ArgumentException or InvalidOperationException)
        {
            throw Faults.MessageMalformed(failure.Message);
        }

        // An item takes a character at least, so most texts need no second look at what only the schema tells.
        if (payload.Length > _server.Options.MessageItemsMax)
            ThrowIfTooManyItems(message.ToByteArray());
        return message;
    }

    private void BeginConnect()
    {
        StringValues version = _request.Headers["connect-protocol-version"];
        if (version.Count > 0 && version != "1")
            throw Faults.ProtocolVersionUnknown(version.ToString());
        StringValues timeout = _request.Headers["connect-timeout-ms"];
        if (timeout.Count > 0)
        {
            if (!CallTimeout.TryParseConnect(timeout.ToString(), out TimeSpan value))
                throw Faults.HeaderMalformed("connect-timeout-ms");
            SetDeadline(value);
        }

        StringValues encoding = WireProtocols.IsFramed(_protocol)
            ? _request.Headers["connect-content-encoding"]
            : _request.Headers.ContentEncoding;
        TakeEncoding(_query is null ? encoding : _query.Compression);
    }

    private void TakeEncoding(StringValues encoding)
    {
        if (encoding.Count == 0)
            return;
        string name = encoding.ToString();
        _encoding = name switch
        {
            "identity" or "" => MessageEncoding.Identity,
            "gzip" => MessageEncoding.Gzip,
            _ => throw Faults.EncodingUnsupported(name),
        };
    }

    private void SetDeadline(TimeSpan timeout)
    {
        long frequency = _server.Time.TimestampFrequency;
        long seconds = timeout.Ticks / TimeSpan.TicksPerSecond;
        long fraction = timeout.Ticks % TimeSpan.TicksPerSecond;
        long timestamp = _server.Time.GetTimestamp()
            + (seconds * frequency) + (fraction * frequency / TimeSpan.TicksPerSecond);
        _deadlineTimestamp = Math.Max(1, timestamp); // Zero says that there is none.
    }
}
