using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace AgentBudget.Gateway.Calls;

/// <summary>
/// The JSON object that a call is. It is read strictly, because what it costs is read from it: no member twice, none
/// that differs from one that we read only in its case. What the gateway does not change is sent on byte for byte.
/// </summary>
internal sealed class CallBody : IDisposable
{
    /// <summary>As Anthropic takes them.</summary>
    public const int BytesMax = 32 * 1024 * 1024;

    private const int DepthMax = 128;

    private static readonly JsonDocumentOptions Strict =
        new() { MaxDepth = DepthMax, AllowDuplicateProperties = false };

    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly JsonDocument _document;
    private readonly Dictionary<string, byte[]?> _changes = new(StringComparer.Ordinal);
    private byte[]? _replacement;

    private CallBody(ReadOnlyMemory<byte> bytes, JsonDocument document)
    {
        _bytes = bytes;
        _document = document;
    }

    public JsonElement Root => _document.RootElement;

    public int Length => _bytes.Length;

    /// <summary>Reads a body.</summary>
    /// <param name="bytes">What came.</param>
    /// <param name="members">The members that decide about cost, which no other may resemble.</param>
    public static CallBody Parse(ReadOnlyMemory<byte> bytes, IReadOnlySet<string> members)
    {
        JsonDocument document;
        try
        {
            if (FaultOfTexts(bytes.Span) is { } unread)
                throw new CallRefusedException(RefusalKind.Invalid, unread);
            document = JsonDocument.Parse(bytes, Strict);
        }
        catch (JsonException fault)
        {
            throw new CallRefusedException(
                RefusalKind.Invalid, $"The body is not JSON that can be read without doubt: {fault.Message}");
        }

        try
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new CallRefusedException(RefusalKind.Invalid, "The body must be a JSON object.");
            foreach (JsonProperty member in document.RootElement.EnumerateObject())
            {
                string name = member.Name;
                if (members.Contains(name)) continue;
                string? meant = members.FirstOrDefault(
                    known => known.Equals(name, StringComparison.OrdinalIgnoreCase));
                if (meant is not null)
                    throw new CallRefusedException(
                        RefusalKind.Invalid, $"The member {name} is not {meant}; some servers take it for that.");
            }

            return new CallBody(bytes, document);
        }
        catch
        {
            document.Dispose();
            throw;
        }
    }

    // A text that is none reads as another one elsewhere, or ends whoever reads it.
    private static string? FaultOfTexts(ReadOnlySpan<byte> bytes)
    {
        if (!Utf8.IsValid(bytes)) return "The body is not UTF-8.";
        if (bytes.IndexOf(@"\ud"u8) < 0 && bytes.IndexOf(@"\uD"u8) < 0) return null;
        Utf8JsonReader reader = new(bytes, new JsonReaderOptions { MaxDepth = DepthMax });
        while (reader.Read())
        {
            if (!reader.ValueIsEscaped) continue;
            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException)
            {
                return "The body has a text with half of a surrogate pair, which is no character.";
            }
        }

        return null;
    }

    /// <summary>A member, or null where it is absent or null.</summary>
    public JsonElement? Find(string name) => Find(Root, name);

    /// <summary>A member of an object within, likewise; null too where the parent is no object.</summary>
    public static JsonElement? Find(JsonElement? parent, string name) =>
        parent is { ValueKind: JsonValueKind.Object } known && known.TryGetProperty(name, out JsonElement value)
            && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    /// <summary>A text, or null where it is absent.</summary>
    public string? Text(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        _ => throw new CallRefusedException(RefusalKind.Invalid, $"{name} must be a string."),
    };

    /// <summary>A flag; false where it is absent.</summary>
    public bool Flag(string name) => Find(name)?.ValueKind switch
    {
        null or JsonValueKind.False => false,
        JsonValueKind.True => true,
        _ => throw new CallRefusedException(RefusalKind.Invalid, $"{name} must be true or false."),
    };

    /// <summary>A whole number from 1 to a bound, or null where it is absent.</summary>
    public long? Count(string name, long most) => Find(name) is not { } value
        ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long count) && count >= 1 && count <= most
            ? count
            : throw new CallRefusedException(
                RefusalKind.Invalid, $"{name} must be a whole number from 1 to {most}.");

    /// <summary>An object as it is to be sent: changed, or as it came, or empty where it is absent.</summary>
    public JsonObject ObjectOf(string name) => _changes.TryGetValue(name, out byte[]? changed)
        ? (changed is null ? [] : JsonNode.Parse(changed)!.AsObject())
        : Find(name) is { ValueKind: JsonValueKind.Object } given ? JsonObject.Create(given)! : [];

    /// <summary>Takes all changes back, so that the call can be changed for another upstream.</summary>
    public void Reset()
    {
        _changes.Clear();
        _replacement = null;
    }

    /// <summary>Sends another body instead, for an upstream that has a form of its own.</summary>
    public void Replace(byte[] json) => _replacement = json;

    /// <summary>Changes a member, or takes it out.</summary>
    /// <param name="name">The member.</param>
    /// <param name="json">Its new value as JSON; null takes it out.</param>
    public void Set(string name, byte[]? json) => _changes[name] = json;

    /// <summary>What is sent: the bytes that came, but for the members that were changed.</summary>
    public ReadOnlyMemory<byte> ToBytes()
    {
        if (_replacement is not null) return _replacement;
        if (_changes.Count == 0) return _bytes;
        ArrayBufferWriter<byte> written = new(_bytes.Length + 256);
        Dictionary<string, byte[]?> rest = new(_changes, StringComparer.Ordinal);
        written.Write("{"u8);
        bool isFirst = true;
        Utf8JsonReader reader = new(_bytes.Span, new JsonReaderOptions { MaxDepth = DepthMax });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            int start = checked((int)reader.TokenStartIndex);
            string name = reader.GetString()!;
            reader.Read();
            int valueStart = checked((int)reader.TokenStartIndex);
            reader.Skip();
            int end = checked((int)reader.BytesConsumed);
            bool isChanged = rest.Remove(name, out byte[]? change);
            if (isChanged && change is null) continue;
            if (!isFirst) written.Write(","u8);
            isFirst = false;
            written.Write(_bytes.Span[start..(isChanged ? valueStart : end)]);
            if (isChanged) written.Write(change);
        }

        foreach ((string name, byte[]? json) in rest)
        {
            if (json is null) continue;
            if (!isFirst) written.Write(","u8);
            isFirst = false;
            written.Write(JsonSerializer.SerializeToUtf8Bytes(name));
            written.Write(":"u8);
            written.Write(json);
        }

        written.Write("}"u8);
        return written.WrittenMemory;
    }

    public void Dispose() => _document.Dispose();
}
