using System.Buffers;
using System.Buffers.Binary;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;

namespace AgentBudget.Rpc.Tests;

/// <summary>Reads the messages of a response body, one after another.</summary>
internal static class MessageReader
{
    // Beyond every answer that a server of ours gives, and the default of other gRPC clients.
    internal const int MessageBytesMax = 4 * 1024 * 1024;

    /// <summary>The next message, or null at the end of the body.</summary>
    /// <exception cref="RpcException">The body is not whole frames of readable messages.</exception>
    internal static async ValueTask<IMessage?> ReadAsync(
        Stream body, MessageParser parser, CancellationToken cancellationToken)
    {
        byte[] prefix = ArrayPool<byte>.Shared.Rent(MessageFrame.PrefixBytes);
        byte[]? payload = null;
        try
        {
            Memory<byte> header = prefix.AsMemory(0, MessageFrame.PrefixBytes);
            int read = await body.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
            if (read == 0)
                return null;
            if (read < header.Length)
                throw Broken("The response ended in the middle of a message.");
            if (prefix[0] != 0)
                throw Broken("The response is compressed, which was not asked for.");
            uint length = BinaryPrimitives.ReadUInt32BigEndian(header.Span[1..]);
            if (length > MessageBytesMax)
                throw Faults.MessageTooLarge(MessageBytesMax);
            payload = ArrayPool<byte>.Shared.Rent((int)length);
            Memory<byte> message = payload.AsMemory(0, (int)length);
            read = await body.ReadAtLeastAsync(message, message.Length, throwOnEndOfStream: false, cancellationToken);
            if (read < message.Length)
                throw Broken("The response ended in the middle of a message.");
            return parser.ParseFrom(message.Span);
        }
        catch (InvalidProtocolBufferException failure)
        {
            throw Broken(failure.Message);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(prefix);
            if (payload is not null)
                ArrayPool<byte>.Shared.Return(payload);
        }
    }

    private static RpcException Broken(string why) => new(RpcStatusCode.Internal, why);
}
