using System.Net;
using System.Net.Http.Headers;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;

namespace AgentBudget.Rpc.Tests;

/// <summary>A request body of one message.</summary>
internal sealed class FrameContent : HttpContent
{
    private static readonly MediaTypeHeaderValue GrpcContentType = new(WireProtocols.GrpcContentType);

    private readonly byte[] _frame;

    internal FrameContent(IMessage message)
    {
        int length = message.CalculateSize();
        _frame = new byte[MessageFrame.PrefixBytes + length];
        MessageFrame.WritePrefix(_frame, flags: 0, length);
        message.WriteTo(_frame.AsSpan(MessageFrame.PrefixBytes));
        Headers.ContentType = GrpcContentType;
    }

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        stream.WriteAsync(_frame, CancellationToken.None).AsTask();

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(
        Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
        stream.WriteAsync(_frame, cancellationToken).AsTask();

    /// <inheritdoc/>
    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
