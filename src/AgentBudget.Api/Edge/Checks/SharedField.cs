using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// Parses the messages of a type that carry a text which calls repeat: it becomes one string that the messages share,
/// instead of one each. The text is a field of the type, or of messages that are fields of it, as of the items of a
/// stream.
/// </summary>
internal sealed class SharedField
{
    private readonly MessageParser _parser;
    private readonly SharedTexts _texts;
    private readonly Part[] _parts;

    private SharedField(MessageDescriptor type, SharedTexts texts, Part[] parts)
    {
        _parser = type.Parser;
        _texts = texts;
        _parts = parts;
    }

    /// <summary>Either the text, or a message that has it.</summary>
    private sealed record Part(uint Tag, FieldDescriptor Field, SharedField? Within);

    /// <summary>How to parse a type; null for one that does not have the text.</summary>
    /// <param name="type">The type.</param>
    /// <param name="name">The name of the field.</param>
    /// <param name="texts">The strings that are shared.</param>
    internal static SharedField? Of(MessageDescriptor type, string name, SharedTexts texts)
    {
        if (TextOf(type, name) is FieldDescriptor text)
            return new SharedField(type, texts, [new Part(TagOf(text), text, Within: null)]);
        Part[] parts =
        [
            .. type.Fields.InFieldNumberOrder()
                .Where(field => field is { FieldType: FieldType.Message, IsRepeated: false }
                    && TextOf(field.MessageType, name) is not null)
                .Select(field => new Part(TagOf(field), field, Of(field.MessageType, name, texts))),
        ];
        return parts.Length == 0 ? null : new SharedField(type, texts, parts);
    }

    /// <summary>Parses a message, with its text shared when it has one.</summary>
    /// <exception cref="InvalidProtocolBufferException">The message is malformed.</exception>
    internal IMessage Parse(ReadOnlySpan<byte> payload)
    {
        if (Find(payload, out Range whole, out Range value) is not Part part)
            return _parser.ParseFrom(payload);
        object? found = part.Within is null ? _texts.Share(payload[value]) : part.Within.Parse(payload[value]);
        if (found is null)
            return _parser.ParseFrom(payload);
        IMessage message = _parser.ParseFrom(payload[..whole.Start]);
        if (whole.End.Value < payload.Length)
            message.MergeFrom(payload[whole.End..]);
        part.Field.Accessor.SetValue(message, found);
        return message;
    }

    private static FieldDescriptor? TextOf(MessageDescriptor type, string name) =>
        type.FindFieldByName(name) is { FieldType: FieldType.String, IsRepeated: false } text ? text : null;

    private static uint TagOf(FieldDescriptor field) =>
        WireFormat.MakeTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);

    /// <summary>Finds the part where it is there once; anything unusual is left to the parser.</summary>
    private Part? Find(ReadOnlySpan<byte> payload, out Range whole, out Range value)
    {
        whole = value = default;
        Part? found = null;
        ReadOnlySpan<byte> rest = payload;
        while (!rest.IsEmpty)
        {
            int start = payload.Length - rest.Length;
            if (!WireFields.TryRead(ref rest, out uint tag, out ReadOnlySpan<byte> bytes)
                || WireFormat.GetTagWireType(tag) is WireFormat.WireType.StartGroup or WireFormat.WireType.EndGroup)
            {
                return null;
            }

            Part? part = PartOf(tag);
            if (part is null)
                continue;
            if (found is not null)
                return null;
            found = part;
            int end = payload.Length - rest.Length;
            whole = start..end;
            value = (end - bytes.Length)..end;
        }

        return found;
    }

    private Part? PartOf(uint tag)
    {
        foreach (Part part in _parts)
        {
            if (part.Tag == tag)
                return part;
        }

        return null;
    }
}
