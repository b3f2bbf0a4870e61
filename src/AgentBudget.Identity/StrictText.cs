using System.Buffers;
using System.Buffers.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace AgentBudget.Identity;

/// <summary>Base64url and JSON that others wrote, read whole before anything of it is looked at.</summary>
internal static class StrictText
{
    private static readonly SearchValues<char> Letters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    /// <summary>
    /// The bytes of a text in base64url; null for one that is not the only text of its bytes: with padding, white
    /// space, or bits that nobody reads.
    /// </summary>
    internal static byte[]? Decode(ReadOnlySpan<char> text)
    {
        if (text.ContainsAnyExcept(Letters))
            return null;
        byte[] bytes = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        OperationStatus status = Base64Url.DecodeFromChars(text, bytes, out int read, out int written);
        if (status != OperationStatus.Done || read != text.Length)
            return null;
        byte[] decoded = bytes[..written];
        return text.SequenceEqual(Base64Url.EncodeToString(decoded)) ? decoded : null;
    }

    /// <summary>
    /// The object that a text is; null for one that is no JSON, has a name twice, or holds what is not Unicode. Its
    /// texts can be read without a fault.
    /// </summary>
    internal static JsonElement? ReadObject(byte[] utf8, JsonDocumentOptions options)
    {
        if (!Utf8.IsValid(utf8))
            return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8, options);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return null;
            ReadTexts(root);
            return root.Clone();
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null; // The second is what half a surrogate pair is answered with.
        }
    }

    private static void ReadTexts(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                    ReadTexts(item);
                break;
            case JsonValueKind.Object:
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    _ = member.Name;
                    ReadTexts(member.Value);
                }

                break;
            default:
                break; // A number, a truth or nothing holds no text.
        }
    }
}
