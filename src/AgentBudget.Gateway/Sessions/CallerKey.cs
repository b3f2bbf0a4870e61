using System.Buffers.Text;
using System.Security.Cryptography;
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
/// <param name="Agent">Tenant and agent that a token names, likewise; empty for a credential.</param>
internal sealed record CallerKey(string Text, string? Session, string Agent = "")
{
    private const int LengthMax = 8 * 1024;
    private const string SessionTokenType = "agentbudget-session+jwt";
    private const string Bearer = "Bearer ";

    private static readonly string[] KeyHeaders = ["x-api-key", "api-key", "x-goog-api-key"];

    /// <summary>
    /// Reads the key of a request. Two that differ are refused: one of them is not whom we would charge.
    /// </summary>
    public static CallerKey Of(HttpRequest request) => Find(request) is { } key
        ? OfText(key)
        : throw new CallRefusedException(
            RefusalKind.Unauthenticated,
            "No key. Send a session's token or an agent's credential as the API key.");

    /// <summary>
    /// The hash of the key, by which a caller has its shares before it is known who it is. Empty for no key, and for a
    /// call that is refused for its keys.
    /// </summary>
    public static string HashOf(HttpRequest request)
    {
        try
        {
            return Find(request) is { } key
                ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))
                : "";
        }
        catch (CallRefusedException)
        {
            return "";
        }
    }

    /// <summary>Reads a key that came otherwise than in a header of its own.</summary>
    public static CallerKey OfText(string key) =>
        key.Length <= LengthMax && key.All(letter => letter is > ' ' and < '\x7f')
            ? ReadToken(key) ?? new CallerKey(key, null)
            : throw new CallRefusedException(RefusalKind.Unauthenticated, "The key is none of AgentBudget's.");

    private static string? Find(HttpRequest request)
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
        return string.IsNullOrEmpty(found) ? null : found;
    }

    private static string? Same(string? found, string? value)
    {
        if (string.IsNullOrEmpty(value)) return found;
        return found is null || found == value
            ? value
            : throw new CallRefusedException(
                RefusalKind.Unauthenticated, "Two keys that differ came with the call. Send one.");
    }

    // Null for what is no session's token.
    private static CallerKey? ReadToken(string token)
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
            return TextOf(claims, "session") is { } session
                ? new CallerKey(token, session, $"{TextOf(claims, "tenant")}/{TextOf(claims, "agent")}")
                : null;
        }
        catch (Exception fault) when (fault is FormatException or JsonException or DecoderFallbackException)
        {
            return null;
        }
    }

    private static string? TextOf(JsonDocument claims, string name) =>
        CallBody.Find(claims.RootElement, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <inheritdoc/>
    public override string ToString() => Session ?? "a credential"; // Never the key itself.
}
