using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Mcp;

/// <summary>One message of a client: a request, a notification or an answer.</summary>
/// <param name="Id">The request's; null for others.</param>
/// <param name="Method">What it asks for; empty for an answer.</param>
/// <param name="Tool">The tool that it calls; null where it calls none.</param>
/// <param name="Arguments">The bytes of the tool's arguments.</param>
internal sealed record McpMessage(JsonNode? Id, string Method, string? Tool, ReadOnlyMemory<byte> Arguments)
{
    public const string CallTool = "tools/call";
    public const string ListTools = "tools/list";

    private const int NameMax = 128;

    /// <summary>Why a request is refused whose headers say something else than its body.</summary>
    public const string HeaderMismatch = "HEADER_MISMATCH";

    private const string MethodHeader = "mcp-method";
    private const string NameHeader = "mcp-name";

    // Since this revision every request says its method in a header.
    private const string HeadersSince = "2026-07-28";

    private static readonly HashSet<string> Members =
        new(["jsonrpc", "id", "method", "params", "result", "error"], StringComparer.Ordinal);

    /// <summary>Reads a message. Several in one body are refused: each is to be decided by itself.</summary>
    public static McpMessage Parse(ReadOnlyMemory<byte> bytes, HttpRequest request)
    {
        using CallBody body = CallBody.Parse(bytes, Members);
        string method = body.Text("method") ?? "";
        CheckMethod(method);
        string? tool = null;
        ReadOnlyMemory<byte> arguments = default;
        if (method == CallTool)
        {
            JsonElement? given = body.Find("params");
            tool = CallBody.Find(given, "name") is { ValueKind: JsonValueKind.String } name ? name.GetString() : null;
            if (tool is null or { Length: 0 or > NameMax })
                throw new CallRefusedException(
                    RefusalKind.Invalid, $"params.name must be 1 to {NameMax} characters.");
            CheckNames(given!.Value);
            if (CallBody.Find(given, "arguments") is { } told)
                arguments = System.Text.Encoding.UTF8.GetBytes(told.GetRawText());
        }

        // Whoever routes by the headers must not see another call than whoever runs the body.
        bool isNeeded = string.CompareOrdinal(request.Headers["mcp-protocol-version"].ToString(), HeadersSince) >= 0;
        CheckHeader(request, MethodHeader, method, isNeeded && method.Length > 0);
        CheckHeader(request, NameHeader, tool, isNeeded && tool is not null);
        return new McpMessage(
            body.Find("id") is { } id ? JsonNode.Parse(id.GetRawText()) : null, method, tool, arguments);
    }

    /// <summary>Whether a message of the server's answers this one.</summary>
    public bool IsAnsweredBy(JsonNode? message) => Id is not null && message is JsonObject answer
        && (answer.ContainsKey("result") || answer.ContainsKey("error"))
        && JsonNode.DeepEquals(answer["id"], Id);

    private static void CheckMethod(string method)
    {
        foreach (string known in (string[])[CallTool, ListTools])
        {
            if (method != known && method.Trim().Equals(known, StringComparison.OrdinalIgnoreCase))
                throw new CallRefusedException(
                    RefusalKind.Invalid, $"The method {method} is not {known}; some servers take it for that.");
        }
    }

    // Some servers read names whatever their case is.
    private static void CheckNames(JsonElement given)
    {
        foreach (JsonProperty member in given.EnumerateObject())
        {
            foreach (string name in (string[])["name", "arguments"])
            {
                if (member.Name != name && member.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                    throw new CallRefusedException(
                        RefusalKind.Invalid, $"params.{member.Name} is not {name}; some servers take it for that.");
            }
        }
    }

    private static void CheckHeader(HttpRequest request, string header, string? value, bool isNeeded)
    {
        if (!request.Headers.TryGetValue(header, out var given) && !isNeeded) return;
        if (header == NameHeader && value is null) return; // The name of a resource or a prompt.
        if (given.Count != 1 || Decoded(given.ToString()) != value)
            throw new CallRefusedException(
                RefusalKind.Invalid, $"The header {header} says {given} and the body {value}. They must be the same.")
            {
                Reason = HeaderMismatch,
            };
    }

    // =?base64?…?= for names that a header cannot carry.
    private static string Decoded(string text)
    {
        const string start = "=?base64?", end = "?=";
        if (!text.StartsWith(start, StringComparison.Ordinal) || !text.EndsWith(end, StringComparison.Ordinal))
            return text;
        Span<byte> bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text[start.Length..^end.Length], bytes, out int count)
            ? System.Text.Encoding.UTF8.GetString(bytes[..count])
            : text;
    }
}
