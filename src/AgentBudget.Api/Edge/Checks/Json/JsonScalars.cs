using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Api.Edge.Checks.Json;

/// <summary>Whether a value of JSON, or a text in a path or a query, is one of a field's type.</summary>
internal static class JsonScalars
{
    private const string NotBoolean = "must be true or false";
    private const string NotNumber = "must be a number";
    private const string NotText = "must be a text";
    private const string NotUnicode = "is not Unicode";
    private const string NotBase64 = "must be base64";

    private static readonly string[] NamedNumbers = ["NaN", "Infinity", "-Infinity"];

    private const NumberStyles NumberForm =
        NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;

    /// <summary>What is wrong with the value that the reader stands at; null for nothing.</summary>
    internal static string? FaultOf(ref Utf8JsonReader reader, FieldDescriptor field)
    {
        switch (field.FieldType)
        {
            case FieldType.Bool:
                return reader.TokenType is JsonTokenType.True or JsonTokenType.False ? null : NotBoolean;
            case FieldType.String or FieldType.Bytes when reader.TokenType != JsonTokenType.String:
                return NotText;
            case FieldType.String when !reader.ValueIsEscaped:
                return null;
            case FieldType.String or FieldType.Bytes:
                return TryGetText(ref reader, out string given) ? FaultOfText(given, field) : NotUnicode;
            case FieldType.Enum when reader.TokenType == JsonTokenType.String:
                return TryGetText(ref reader, out string value) ? FaultOfText(value, field) : NotUnicode;
            case FieldType.Enum:
                return reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out _) ? null : NotEnum(field);
            default:
                // A number may be a text too, written as the number is (proto3's JSON).
                if (reader.TokenType is not (JsonTokenType.Number or JsonTokenType.String))
                    return NotNumeric(field);
                if (!TryGetText(ref reader, out string text))
                    return NotUnicode;
                return reader.TokenType == JsonTokenType.String && !IsNumberOrName(text, field)
                    ? NotNumeric(field)
                    : FaultOfText(text, field);
        }
    }

    /// <summary>
    /// Whether the value that the reader stands at is a number in quotes that transcoding takes without them alone: it
    /// takes the quotes of 64 bits.
    /// </summary>
    internal static bool IsToUnquote(ref Utf8JsonReader reader, FieldDescriptor field) =>
        reader.TokenType == JsonTokenType.String && (IsReal(field) || IsShortInteger(field))
        && !NamedNumbers.Contains(reader.GetString());

    /// <summary>What is wrong with the text of a well-known type that is a text in JSON.</summary>
    internal static string? FaultOfWellKnown(ref Utf8JsonReader reader, MessageDescriptor type) =>
        reader.TokenType == JsonTokenType.String && TryGetText(ref reader, out string text)
            ? FaultOfWellKnown(text, type)
            : NotWellKnown(type);

    /// <summary>What is wrong with a text for a field; null for nothing.</summary>
    internal static string? FaultOfText(string text, FieldDescriptor field) => field.FieldType switch
    {
        FieldType.String => null,
        FieldType.Bool => text is "true" or "false" ? null : NotBoolean,
        FieldType.Bytes => Base64.IsValid(text) ? null : NotBase64,
        FieldType.Enum => field.EnumType.FindValueByName(text) is not null ? null : NotEnum(field),
        FieldType.Double or FieldType.Float => IsNumber(text) ? null : NotNumber,
        FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 =>
            IsInteger(text, int.MinValue, int.MaxValue) ? null : NotInteger(field),
        FieldType.UInt32 or FieldType.Fixed32 => IsInteger(text, 0, uint.MaxValue) ? null : NotInteger(field),
        FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 =>
            IsInteger(text, long.MinValue, long.MaxValue) ? null : NotInteger(field),
        FieldType.UInt64 or FieldType.Fixed64 => IsInteger(text, 0, ulong.MaxValue) ? null : NotInteger(field),
        FieldType.Message or FieldType.Group => JsonTypes.IsWrapper(field.MessageType)
            ? FaultOfText(text, JsonTypes.WrappedBy(field.MessageType))
            : FaultOfWellKnown(text, field.MessageType),
    };

    /// <summary>The text of the value that the reader stands at; false when it holds half a character.</summary>
    internal static bool TryGetText(ref Utf8JsonReader reader, out string text)
    {
        try
        {
            text = reader.TokenType == JsonTokenType.Number
                ? Encoding.ASCII.GetString(reader.ValueSpan)
                : reader.GetString()!;
            return true;
        }
        catch (InvalidOperationException)
        {
            text = "";
            return false;
        }
    }

    private static string? FaultOfWellKnown(string text, MessageDescriptor type)
    {
        if (!JsonTypes.IsText(type))
            return "cannot be given in a query";
        try
        {
            JsonParser.Default.Parse(JsonSerializer.Serialize(text), type);
            return null;
        }
        catch (InvalidProtocolBufferException)
        {
            return NotWellKnown(type);
        }
    }

    private static string NotNumeric(FieldDescriptor field) => IsReal(field) ? NotNumber : NotInteger(field);

    // In quotes it has the form that it has without them.
    private static bool IsNumberOrName(string text, FieldDescriptor field)
    {
        if (IsReal(field) && NamedNumbers.Contains(text))
            return true;
        if (text.Length == 0 || !(char.IsAsciiDigit(text[0]) || text[0] == '-') || !char.IsAsciiDigit(text[^1]))
            return false;
        try
        {
            Utf8JsonReader reader = new(Encoding.UTF8.GetBytes(text));
            return reader.Read() && reader.TokenType == JsonTokenType.Number && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool IsReal(FieldDescriptor field) => field.FieldType is FieldType.Double or FieldType.Float;

    private static bool IsNumber(string text) =>
        NamedNumbers.Contains(text)
        || (double.TryParse(text, NumberForm, CultureInfo.InvariantCulture, out double value)
            && double.IsFinite(value));

    // In digits alone: transcoding takes no exponent and no point.
    private static bool IsInteger(string text, decimal min, decimal max) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal value)
        && value >= min && value <= max;

    private static bool IsShortInteger(FieldDescriptor field) => field.FieldType is FieldType.Int32 or FieldType.SInt32
        or FieldType.SFixed32 or FieldType.UInt32 or FieldType.Fixed32;

    private static string NotInteger(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.UInt32 or FieldType.Fixed32 => "must be a whole number of 32 bits, not negative",
        FieldType.UInt64 or FieldType.Fixed64 => "must be a whole number of 64 bits, not negative",
        FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 => "must be a whole number of 64 bits",
        _ => "must be a whole number of 32 bits",
    };

    private static string NotEnum(FieldDescriptor field) => $"must be a name of {field.EnumType.FullName}";

    private static string NotWellKnown(MessageDescriptor type) => $"must be a text that is a {type.FullName}";
}
