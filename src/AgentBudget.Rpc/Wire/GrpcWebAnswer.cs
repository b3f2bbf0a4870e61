using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Trailers = System.Collections.Generic.List<System.Collections.Generic.KeyValuePair<string, string>>;

namespace AgentBudget.Rpc.Wire;

/// <summary>
/// Answers as gRPC-Web has them: the frames of gRPC, and one more that holds the trailers, since browsers show none. In
/// its text form every frame is base64 of its own, padding included.
/// </summary>
internal static class GrpcWebAnswer
{
    private const byte TrailersFlag = 0x80;

    /// <summary>Writes bytes that are a message already, or the trailers.</summary>
    internal static void WriteFrame(
        IBufferWriter<byte> output, WireProtocol protocol, byte flags, ReadOnlySpan<byte> payload)
    {
        if (protocol == WireProtocol.GrpcWeb)
            MessageFrame.Write(output, flags, payload);
        else
            WriteText(output, flags, payload);
    }

    /// <summary>Writes the closing frame: the status and the trailers.</summary>
    internal static void WriteEnd(
        IBufferWriter<byte> output, WireProtocol protocol, RpcException? error, Trailers? trailers)
    {
        IHeaderDictionary status = new HeaderDictionary();
        if (error is null)
            status.GrpcStatus = "0";
        else
            GrpcStatus.Write(status, error);
        StringBuilder lines = new();
        foreach (KeyValuePair<string, StringValues> header in status)
            AppendLine(lines, header.Key.ToLowerInvariant(), header.Value.ToString());
        foreach (KeyValuePair<string, string> trailer in trailers ?? [])
            AppendLine(lines, trailer.Key, trailer.Value);
        WriteFrame(output, protocol, TrailersFlag, Encoding.ASCII.GetBytes(lines.ToString()));
    }

    /// <summary>Decodes a request in text form: pieces of base64, of which each may end in padding.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT: it is not base64.</exception>
    internal static byte[] DecodeText(in ReadOnlySequence<byte> text)
    {
        byte[] encoded = text.ToArray();
        byte[] decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(encoded.Length)];
        int length = 0;
        for (ReadOnlySpan<byte> rest = encoded; !rest.IsEmpty;)
        {
            int end = rest.IndexOf((byte)'=');
            while (end >= 0 && end < rest.Length && rest[end] == '=')
                end++;
            ReadOnlySpan<byte> piece = end < 0 ? rest : rest[..end];
            OperationStatus status = Base64.DecodeFromUtf8(piece, decoded.AsSpan(length), out _, out int written);
            if (status != OperationStatus.Done)
                throw Faults.MessageMalformed("it is not base64.");
            length += written;
            rest = rest[piece.Length..];
        }

        return decoded[..length];
    }

    private static void AppendLine(StringBuilder lines, string name, string value) =>
        lines.Append(name).Append(": ").Append(value).Append("\r\n");

    private static void WriteText(IBufferWriter<byte> output, byte flags, ReadOnlySpan<byte> payload)
    {
        int frameBytes = MessageFrame.PrefixBytes + payload.Length;
        byte[] frame = ArrayPool<byte>.Shared.Rent(frameBytes);
        MessageFrame.WritePrefix(frame, flags, payload.Length);
        payload.CopyTo(frame.AsSpan(MessageFrame.PrefixBytes));
        Span<byte> text = output.GetSpan(Base64.GetMaxEncodedToUtf8Length(frameBytes));
        Base64.EncodeToUtf8(frame.AsSpan(0, frameBytes), text, out _, out int written);
        output.Advance(written);
        ArrayPool<byte>.Shared.Return(frame);
    }
}
