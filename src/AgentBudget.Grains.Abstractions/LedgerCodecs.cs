using System.Diagnostics.CodeAnalysis;
using AgentBudget.Ledger;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;

namespace AgentBudget.Grains.Abstractions;

/// <summary>
/// Carries a value between silos as bytes of our own. Within a silo the value itself is handed over: nobody changes it.
/// </summary>
/// <typeparam name="T">The field's type, whatever the value's own.</typeparam>
public abstract class BytesCodec<T> : IFieldCodec<T>, IDeepCopier<T>
{
    /// <inheritdoc/>
    public void WriteField<TBufferWriter>(
        ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, T? value)
        where TBufferWriter : System.Buffers.IBufferWriter<byte>
    {
        ReferenceCodec.MarkValueField(writer.Session);
        writer.WriteFieldHeader(fieldIdDelta, expectedType, typeof(T), WireType.LengthPrefixed);
        byte[] bytes = ToBytes(value!);
        writer.WriteVarUInt32((uint)bytes.Length);
        writer.Write(bytes);
    }

    /// <inheritdoc/>
    public T ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        ReferenceCodec.MarkValueField(reader.Session);
        field.EnsureWireType(WireType.LengthPrefixed);
        return FromBytes(reader.ReadBytes(reader.ReadVarUInt32()));
    }

    /// <inheritdoc/>
    [return: NotNullIfNotNull(nameof(input))]
    public T? DeepCopy(T? input, CopyContext context) => input;

    /// <summary>The value's bytes.</summary>
    protected abstract byte[] ToBytes(T value);

    /// <summary>The value of bytes; throws for bytes that are none.</summary>
    protected abstract T FromBytes(byte[] bytes);
}

/// <summary>Commands of every kind, by name and fields.</summary>
[RegisterSerializer, RegisterCopier]
public sealed class CommandCodec : BytesCodec<Command>
{
    /// <inheritdoc/>
    protected override byte[] ToBytes(Command value) => CommandBytes.Of(value);

    /// <inheritdoc/>
    protected override Command FromBytes(byte[] bytes) => CommandBytes.Read(bytes);
}

/// <summary>Replies.</summary>
[RegisterSerializer, RegisterCopier]
public sealed class ReplyCodec : BytesCodec<Reply>
{
    /// <inheritdoc/>
    protected override byte[] ToBytes(Reply value) => ReplyBytes.Of(value);

    /// <inheritdoc/>
    protected override Reply FromBytes(byte[] bytes) => ReplyBytes.Read(bytes);
}

/// <summary>Ledger events: their bytes in the journal.</summary>
[RegisterSerializer, RegisterCopier]
public sealed class LedgerEventCodec : BytesCodec<LedgerEvent>
{
    /// <inheritdoc/>
    protected override byte[] ToBytes(LedgerEvent value) => value.ToByteArray();

    /// <inheritdoc/>
    protected override LedgerEvent FromBytes(byte[] bytes) => LedgerEvent.Parser.ParseFrom(bytes);
}

/// <summary>What is asked of notifiers.</summary>
[RegisterSerializer, RegisterCopier]
public sealed class NotifierRequestCodec : BytesCodec<NotifierRequest>
{
    /// <inheritdoc/>
    protected override byte[] ToBytes(NotifierRequest value) => value.ToByteArray();

    /// <inheritdoc/>
    protected override NotifierRequest FromBytes(byte[] bytes) => NotifierRequest.Parser.ParseFrom(bytes);
}

/// <summary>What notifiers answer.</summary>
[RegisterSerializer, RegisterCopier]
public sealed class NotifierReplyCodec : BytesCodec<NotifierReply>
{
    /// <inheritdoc/>
    protected override byte[] ToBytes(NotifierReply value) => value.ToByteArray();

    /// <inheritdoc/>
    protected override NotifierReply FromBytes(byte[] bytes) => NotifierReply.Parser.ParseFrom(bytes);
}
