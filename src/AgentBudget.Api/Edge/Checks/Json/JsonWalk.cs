using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Status = Google.Rpc.Status;

namespace AgentBudget.Api.Edge.Checks.Json;

/// <summary>
/// Compares the text of a message with its type, member by member, without making the message: members that the type
/// does not have, members that come twice, values of another type, too many items. Faults are collected up to a bound
/// and named by their path.
/// </summary>
internal sealed class JsonWalk
{
    /// <summary>Faults that one answer names.</summary>
    internal const int ViolationsMax = 10;

    // As deep as protobuf's own parsers go.
    private const int DepthMax = 100;

    private readonly List<string> _path = [];
    private readonly List<BadRequest.Types.FieldViolation> _violations = [];
    private readonly List<(Range Place, byte[] Number)> _quoted = [];
    private int _itemsLeft;

    private readonly JsonRoute _route;

    private JsonWalk(JsonRoute route, int itemsMax) => (_route, _itemsLeft) = (route, itemsMax);

    /// <summary>
    /// The fault of a body; null when it has none. Numbers in quotes that transcoding does not take lose them in place.
    /// </summary>
    internal static Status? FaultOf(Span<byte> text, JsonRoute route, int itemsMax)
    {
        if (text.IsEmpty)
            return EdgeFaults.MessageMalformed("it is empty; an empty message is {}.");
        if (!Utf8.IsValid(text))
            return EdgeFaults.MessageMalformed("it is not UTF-8.");
        JsonWalk walk = new(route, itemsMax);
        try
        {
            Utf8JsonReader reader = new(text, new JsonReaderOptions { MaxDepth = DepthMax });
            reader.Read();
            bool isRead = route.BodyField is FieldDescriptor field
                ? walk.ReadMember(ref reader, field.JsonName, field)
                : walk.ReadMessage(ref reader, route.Input);
            if (isRead)
                reader.Read(); // Nothing may follow.
        }
        catch (JsonException malformed)
        {
            return EdgeFaults.MessageMalformed(malformed.Message);
        }

        if (walk._itemsLeft < 0)
            return EdgeFaults.TooManyItems(itemsMax);
        if (walk._violations.Count > 0)
            return EdgeFaults.MessageMalformed(walk._violations);
        foreach ((Range place, byte[] number) in walk._quoted)
        {
            Span<byte> written = text[place];
            number.CopyTo(written);
            written[number.Length..].Fill((byte)' ');
        }

        return null;
    }

    internal static BadRequest.Types.FieldViolation Violation(string path, string description) =>
        new() { Field = EdgeFaults.Shorten(path), Description = description };

    // Each of these reads one value, the one that the reader stands at, and tells whether to go on.
    private bool ReadMessage(ref Utf8JsonReader reader, MessageDescriptor type)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            return Skip(ref reader, "must be an object");
        HashSet<FieldDescriptor> seen = [];
        HashSet<OneofDescriptor> chosen = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = NameAt(ref reader);
            reader.Read();
            FieldDescriptor? field = JsonFields.Find(type, name);
            string? fault = field is null ? $"is not a member of {type.FullName}"
                : _path.Count == 0 && _route.IsInPath(field) ? "is given by the path"
                : !seen.Add(field) ? "is given twice"
                : field.RealContainingOneof is { } oneof && !chosen.Add(oneof)
                    ? $"excludes another member of {oneof.Name}"
                : null;
            if (!(fault is null ? ReadMember(ref reader, name, field!) : SkipMember(ref reader, name, fault)))
                return false;
        }

        return true;
    }

    private bool ReadMember(ref Utf8JsonReader reader, string name, FieldDescriptor field)
    {
        _path.Add(_path.Count == 0 ? name : $".{name}");
        bool goesOn = reader.TokenType == JsonTokenType.Null ? true // As if it were not there.
            : field.IsMap ? ReadMap(ref reader, field)
            : field.IsRepeated ? ReadList(ref reader, field)
            : ReadSingle(ref reader, field);
        _path.RemoveAt(_path.Count - 1);
        return goesOn;
    }

    private bool SkipMember(ref Utf8JsonReader reader, string name, string fault)
    {
        _path.Add(_path.Count == 0 ? name : $".{name}");
        bool goesOn = Skip(ref reader, fault);
        _path.RemoveAt(_path.Count - 1);
        return goesOn;
    }

    private bool ReadList(ref Utf8JsonReader reader, FieldDescriptor field)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            return Skip(ref reader, "must be a list");
        for (int index = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; index++)
        {
            if (!ReadItem(ref reader, $"[{index}]", field))
                return false;
        }

        return true;
    }

    private bool ReadMap(ref Utf8JsonReader reader, FieldDescriptor field)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            return Skip(ref reader, "must be an object");
        FieldDescriptor key = field.MessageType.FindFieldByNumber(1);
        FieldDescriptor value = field.MessageType.FindFieldByNumber(2);
        HashSet<string> seen = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = NameAt(ref reader);
            reader.Read();
            string? fault = seen.Add(name) ? JsonScalars.FaultOfText(name, key) : "is given twice";
            if (!(fault is null ? ReadItem(ref reader, $".{name}", value) : SkipMember(ref reader, name, fault)))
                return false;
        }

        return true;
    }

    private bool ReadItem(ref Utf8JsonReader reader, string step, FieldDescriptor field)
    {
        if (--_itemsLeft < 0)
            return false;
        _path.Add(step);
        bool goesOn = reader.TokenType == JsonTokenType.Null && !JsonTypes.TakesNull(field)
            ? Add("must not be null")
            : ReadSingle(ref reader, field);
        _path.RemoveAt(_path.Count - 1);
        return goesOn;
    }

    private bool ReadSingle(ref Utf8JsonReader reader, FieldDescriptor field)
    {
        if (field.FieldType is not (FieldType.Message or FieldType.Group))
        {
            bool isNull = reader.TokenType == JsonTokenType.Null && JsonTypes.TakesNull(field);
            string? fault = isNull ? null : JsonScalars.FaultOf(ref reader, field);
            if (fault is null && JsonScalars.IsToUnquote(ref reader, field))
                _quoted.Add(((int)reader.TokenStartIndex..(int)reader.BytesConsumed, NumberAt(ref reader)));
            return Judge(ref reader, fault);
        }

        MessageDescriptor type = field.MessageType;
        if (JsonTypes.IsWrapper(type))
            return ReadSingle(ref reader, JsonTypes.WrappedBy(type));
        if (JsonTypes.IsText(type))
            return Judge(ref reader, JsonScalars.FaultOfWellKnown(ref reader, type));
        if (type == Any.Descriptor)
            return Skip(ref reader, "holds a message of any type, which no method takes");
        if (type == Struct.Descriptor && reader.TokenType != JsonTokenType.StartObject)
            return Skip(ref reader, "must be an object");
        if (type == ListValue.Descriptor && reader.TokenType != JsonTokenType.StartArray)
            return Skip(ref reader, "must be a list");
        return type == Value.Descriptor || type == Struct.Descriptor || type == ListValue.Descriptor
            ? ReadFree(ref reader)
            : ReadMessage(ref reader, type);
    }

    /// <summary>Reads a value without a schema, as <c>google.protobuf.Value</c> holds it.</summary>
    private bool ReadFree(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                HashSet<string> seen = [];
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    string name = NameAt(ref reader);
                    reader.Read();
                    bool goesOn = seen.Add(name)
                        ? ReadFreeItem(ref reader, _path.Count == 0 ? name : $".{name}")
                        : SkipMember(ref reader, name, "is given twice");
                    if (!goesOn)
                        return false;
                }

                return true;
            case JsonTokenType.StartArray:
                for (int index = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; index++)
                {
                    if (!ReadFreeItem(ref reader, $"[{index}]"))
                        return false;
                }

                return true;
            case JsonTokenType.String:
                return JsonScalars.TryGetText(ref reader, out _) || Add("is not Unicode");
            case JsonTokenType.Number:
                return double.IsFinite(reader.GetDouble()) || Add("must be a number");
            default:
                return true;
        }
    }

    private bool ReadFreeItem(ref Utf8JsonReader reader, string step)
    {
        if (--_itemsLeft < 0)
            return false;
        _path.Add(step);
        bool goesOn = ReadFree(ref reader);
        _path.RemoveAt(_path.Count - 1);
        return goesOn;
    }

    private static string NameAt(ref Utf8JsonReader reader) =>
        JsonScalars.TryGetText(ref reader, out string name) ? name : "\uFFFD"; // No member is called so.

    private static byte[] NumberAt(ref Utf8JsonReader reader) => Encoding.ASCII.GetBytes(reader.GetString()!);

    private bool Judge(ref Utf8JsonReader reader, string? fault) => fault is null || Skip(ref reader, fault);

    private bool Skip(ref Utf8JsonReader reader, string fault)
    {
        reader.Skip();
        return Add(fault);
    }

    private bool Add(string fault)
    {
        _violations.Add(Violation(string.Concat(_path), fault));
        return _violations.Count < ViolationsMax;
    }
}
