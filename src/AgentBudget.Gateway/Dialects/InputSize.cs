using System.Runtime.InteropServices;
using System.Text.Json;

namespace AgentBudget.Gateway.Dialects;

/// <summary>What the input of a call amounts to, read from its body without understanding every part of it.</summary>
internal sealed class InputSize
{
    /// <summary>More than providers count for an image of the largest size that they take.</summary>
    public const int ImageTokens = 5_000;

    private const int DepthMax = 128; // The body was read with it.

    private static readonly HashSet<string> ImageTypes =
        new(["image", "image_url", "input_image"], StringComparer.Ordinal);

    private static readonly HashSet<string> KeptByProvider = new(
        ["file_id", "file_ids", "vector_store_ids", "file_url", "fileUri", "file_uri"], StringComparer.Ordinal);

    // Parts of a conversation of which only the provider knows how long they are.
    private static readonly HashSet<string> PartsElsewhere =
        new(["item_reference", "compaction"], StringComparer.Ordinal);

    /// <summary>Bytes of the text as JSON, media left out.</summary>
    public long TextBytes { get; private set; }

    /// <summary>Bytes of documents, audio and other media, as base64.</summary>
    public long MediaBytes { get; private set; }

    public long Images { get; private set; }

    /// <summary>Tokens that came as such.</summary>
    public long Tokens { get; private set; }

    /// <summary>Part of the input is not in the body: a file that the provider keeps, a page that it fetches.</summary>
    public bool IsPartlyElsewhere { get; private set; }

    /// <summary>The prompt is written to a cache, which costs more than to read it.</summary>
    public bool WritesCache { get; private set; }

    /// <summary>The cache lives for an hour, which costs more still.</summary>
    public bool WritesCacheForAnHour { get; private set; }

    public static InputSize Of(JsonElement body)
    {
        InputSize size = new();
        size.Add(body, depth: 0);
        return size;
    }

    /// <summary>The size of what is embedded: texts, or tokens that the caller made of them.</summary>
    public static InputSize OfEmbeddings(JsonElement body)
    {
        var size = Of(body);
        if (!body.TryGetProperty("input", out JsonElement input) || input.ValueKind != JsonValueKind.Array) return size;
        foreach (JsonElement one in input.EnumerateArray())
        {
            if (one.ValueKind == JsonValueKind.Number) size.Tokens++;
            else if (one.ValueKind == JsonValueKind.Array) size.Tokens += one.GetArrayLength();
        }

        if (size.Tokens > 0) size.TextBytes = 0;
        return size;
    }

    private void Add(JsonElement element, int depth)
    {
        if (depth > DepthMax) return;
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                AddObject(element, depth);
                break;
            case JsonValueKind.Array:
                foreach (JsonElement one in element.EnumerateArray()) Add(one, depth + 1);
                break;
            default:
                TextBytes += JsonMarshal.GetRawUtf8Value(element).Length + 1;
                break;
        }
    }

    private void AddObject(JsonElement element, int depth)
    {
        if (element.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String)
        {
            if (PartsElsewhere.Contains(type.GetString()!)) IsPartlyElsewhere = true;
            if (ImageTypes.Contains(type.GetString()!))
            {
                Images++;
                NoteCache(element);
                return;
            }
        }

        if (IsGeminiImage(element))
        {
            Images++;
            return;
        }

        foreach (JsonProperty member in element.EnumerateObject())
        {
            if (KeptByProvider.Contains(member.Name)) IsPartlyElsewhere = true;
            if (member.NameEquals("cache_control")) NoteCache(element);
            bool isString = member.Value.ValueKind == JsonValueKind.String;
            if (isString && member.Name is "data" or "file_data")
                MediaBytes += JsonMarshal.GetRawUtf8Value(member.Value).Length;
            else if (isString && member.NameEquals("url") && depth > 0) IsPartlyElsewhere = true;
            else
            {
                TextBytes += member.Name.Length + 4;
                Add(member.Value, depth + 1);
            }
        }
    }

    // {"mimeType":"image/png","data":"…"}
    private static bool IsGeminiImage(JsonElement element) =>
        (element.TryGetProperty("mimeType", out JsonElement kind)
            || element.TryGetProperty("mime_type", out kind))
        && kind.ValueKind == JsonValueKind.String
        && kind.GetString()!.StartsWith("image/", StringComparison.Ordinal)
        && element.TryGetProperty("data", out JsonElement data) && data.ValueKind == JsonValueKind.String;

    private void NoteCache(JsonElement owner)
    {
        if (!owner.TryGetProperty("cache_control", out JsonElement control)
            || control.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        WritesCache = true;
        WritesCacheForAnHour |= control.TryGetProperty("ttl", out JsonElement ttl)
            && ttl.ValueKind == JsonValueKind.String && ttl.ValueEquals("1h");
    }
}
