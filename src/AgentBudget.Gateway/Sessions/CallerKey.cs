using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using AgentBudget.Gateway.Calls;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Gateway.Sessions;

/// <summary>What a caller shows as its API key: the token of a session, or a credential that may open one.</summary>
/// <param name="Text">The key.</param>
/// <param name="Session">
/// The session that a token names, unproven: the service proves it with each call. Null for a credential.
/// </param>
internal sealed record CallerKey(string Text, string? Session)
{
    private const int LengthMax = 8 * 1024;
    private const string SessionTokenType = "agentbudget-session+jwt";
    private const string Bearer = "Bearer ";

    private static readonly string[] KeyHeaders = ["x-api-key", "api-key", "x-goog-api-key"];

    /// <summary>
    /// Reads the key of a request. Two that differ are refused: one of them is not whom we would charge.
    /// </summary>
    public static CallerKey Of(HttpRequest request)
    {
        string? found = null;
        foreach (string? value in request.Headers.Authorization)
        {
            if (value is not null && value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
                found = Same(found, value[Bearer.Length..].Trim());
        }

        foreach (string header in KeyHeaders)
        {
            foreach (string? value in (StringValues)request.Headers[header]) found = Same(found, value?.Trim());
        }

        foreach (string? value in request.Query["key"]) found = Same(found, value?.Trim());
        if (string.IsNullOrEmpty(found))
            throw new CallRefusedException(
                RefusalKind.Unauthenticated,
                "No key. Send a session's token or an agent's credential as the API key.");
        return OfText(found);
    }

    /// <summary>Reads a key that came otherwise than in a header of its own.</summary>
    public static CallerKey OfText(string key) =>
        key.Length <= LengthMax && key.All(letter => letter is > ' ' and < '\x7f')
            ? new CallerKey(key, SessionOf(key))
            : throw new CallRefusedException(RefusalKind.Unauthenticated, "The key is none of AgentBudget's.");

    private static string? Same(string? found, string? value)
    {
        if (string.IsNullOrEmpty(value)) return found;
        return found is null || found == value
            ? value
            : throw new CallRefusedException(
                RefusalKind.Unauthenticated, "Two keys that differ came with the call. Send one.");
    }

    private static string? SessionOf(string token)
    {
        string[] parts = token.Split('.');
        if (parts.Length != 3) return null;
        try
        {
            using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0]));
            if (CallBody.Find(header.RootElement, "typ") is not { ValueKind: JsonValueKind.String } type
                || !type.ValueEquals(SessionTokenType))
            {
                return null;
            }

            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]));
            return CallBody.Find(claims.RootElement, "session") is { ValueKind: JsonValueKind.String } session
                ? session.GetString()
                : null;
        }
        catch (Exception fault) when (fault is FormatException or JsonException or DecoderFallbackException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Session ?? "a credential"; // Never the key itself.
}
