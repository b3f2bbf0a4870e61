using System.Buffers;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// Reads the request messages of one method: bounded in size, its items counted before they become objects, with the
/// text shared that calls repeat.
/// </summary>
internal sealed class RequestMarshaller
{
    private readonly MessageDescriptor _type;
    private readonly SharedField? _shared;
    private readonly int _bytesMax;
    private readonly int _itemsMax;

    private RequestMarshaller(MessageDescriptor type, SharedField? shared, int bytesMax, int itemsMax)
    {
        _type = type;
        _shared = shared;
        _bytesMax = bytesMax;
        _itemsMax = itemsMax;
    }

    /// <summary>The method with its requests read here; its responses stay as they are.</summary>
    internal static Method<TRequest, TResponse> Bound<TRequest, TResponse>(
        Method<TRequest, TResponse> method, EdgeOptions options, SharedTexts texts)
        where TRequest : class
        where TResponse : class
    {
        MessageDescriptor type = ((IMessage)Activator.CreateInstance<TRequest>()).Descriptor;
        RequestMarshaller reader = new(
            type,
            SharedField.Of(type, options.SharedField, texts),
            options.MessageBytesMaxOf(method.FullName),
            options.MessageItemsMax);
        Marshaller<TRequest> marshaller = new(
            method.RequestMarshaller.ContextualSerializer,
            context => (TRequest)reader.Read(context.PayloadAsReadOnlySequence()));
        return new Method<TRequest, TResponse>(
            method.Type, method.ServiceName, method.Name, marshaller, method.ResponseMarshaller);
    }

    /// <summary>Reads one message.</summary>
    /// <exception cref="RpcException">It is too large, holds too many items, or is malformed.</exception>
    internal IMessage Read(in ReadOnlySequence<byte> payload)
    {
        if (payload.Length > _bytesMax)
            throw EdgeFaults.MessageTooLarge(_bytesMax).ToRpcException();
        if (payload.IsSingleSegment)
            return Read(payload.FirstSpan);
        // What must be known before a message is parsed is read from one piece.
        int length = (int)payload.Length;
        byte[] rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            payload.CopyTo(rented);
            return Read(rented.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private IMessage Read(ReadOnlySpan<byte> payload)
    {
        if (ItemCount.IsAbove(_itemsMax, payload, _type))
            throw EdgeFaults.TooManyItems(_itemsMax).ToRpcException();
        try
        {
            return _shared is null ? _type.Parser.ParseFrom(payload) : _shared.Parse(payload);
        }
        catch (Exception failure) when (
            failure is InvalidProtocolBufferException or IndexOutOfRangeException or ArgumentException)
        {
            // The parser runs beyond the end of some broken nested messages, and says so as any array would.
            throw EdgeFaults.MessageMalformed(failure.Message).ToRpcException();
        }
    }
}
