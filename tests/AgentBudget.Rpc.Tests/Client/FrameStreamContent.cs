using System.Net;
using System.Net.Http.Headers;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;

namespace AgentBudget.Rpc.Tests;

/// <summary>A request body of messages that are written one after another, while the response is read.</summary>
internal sealed class FrameStreamContent : HttpContent
{
    // Kept between messages up to this; a larger message gets a buffer of its own.
    private const int KeptBytesMax = 64 * 1024;

    private static readonly MediaTypeHeaderValue GrpcContentType = new(WireProtocols.GrpcContentType);

    private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[] _kept = new byte[1024];

    internal FrameStreamContent() => Headers.ContentType = GrpcContentType;

    /// <summary>Sends a message; waits while the server takes no more.</summary>
    internal async ValueTask WriteAsync(IMessage message, CancellationToken cancellationToken)
    {
        Stream stream = await _stream.Task.WaitAsync(cancellationToken);
        int length = message.CalculateSize();
        int frameBytes = MessageFrame.PrefixBytes + length;
        byte[] buffer = frameBytes <= _kept.Length ? _kept : new byte[frameBytes];
        if (buffer.Length <= KeptBytesMax)
            _kept = buffer;
        MessageFrame.WritePrefix(buffer, flags: 0, length);
        message.WriteTo(buffer.AsSpan(MessageFrame.PrefixBytes, length));
        await stream.WriteAsync(buffer.AsMemory(0, frameBytes), cancellationToken);
        await stream.FlushAsync(cancellationToken);
    }

    /// <summary>No more messages come.</summary>
    internal void End() => _end.TrySetResult();

    /// <summary>
    /// The call is over before its messages were: it is reset. An end of its messages would tell the server that these
    /// were all.
    /// </summary>
    internal void GiveUp()
    {
        OperationCanceledException over = new("The call is over.");
        // Nobody may be waiting for these.
        if (_stream.TrySetException(over))
            _ = _stream.Task.Exception;
        if (_end.TrySetException(over))
            _ = _end.Task.Exception;
    }

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    /// <inheritdoc/>
    protected override async Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // Headers leave now, so that the server can begin before there is a message.
        await stream.FlushAsync(cancellationToken);
        _stream.TrySetResult(stream);
        await _end.Task.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
