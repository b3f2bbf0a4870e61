using System.Buffers.Text;
using System.Text.Json;

namespace AgentBudget.Identity;

/// <summary>What is looked at in the text of a JSON Web Token before a library reads it.</summary>
internal static class TokenText
{
    private static readonly JsonDocumentOptions NoneTwice = new() { AllowDuplicateProperties = false };

    /// <summary>
    /// Whether header and claims are JSON in which no name is there twice: readers differ in which of the two counts
    /// (RFC 7519 §4, RFC 7515 §4).
    /// </summary>
    internal static bool IsUnambiguous(string token)
    {
        int header = token.IndexOf('.', StringComparison.Ordinal);
        int claims = header < 0 ? -1 : token.IndexOf('.', header + 1);
        return claims > 0 && IsJson(token.AsSpan(0, header)) && IsJson(token.AsSpan(header + 1, claims - header - 1));
    }

    private static bool IsJson(ReadOnlySpan<char> part)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(Base64Url.DecodeFromChars(part), NoneTwice);
            return json.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (Exception fault) when (fault is JsonException or FormatException)
        {
            return false;
        }
    }
}
