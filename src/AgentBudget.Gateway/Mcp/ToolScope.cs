using System.Text.Json.Nodes;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Mcp;

/// <summary>Which tools of a server a session may call, for what it is shown. Each call is asked for again.</summary>
internal sealed class ToolScope
{
    private readonly string _server;
    private readonly string[] _allowed;

    private ToolScope(string server, IEnumerable<string> allowed)
    {
        _server = server;
        _allowed = [.. allowed];
    }

    public static async Task<ToolScope> OfAsync(
        GatewayServices services, SessionUse spender, string server, CancellationToken cancellation)
    {
        GetSessionResponse answer = await services.Client.GetSessionAsync(
            new GetSessionRequest { SessionToken = spender.Token }, cancellation);
        return new ToolScope(server, answer.Session.Tools);
    }

    /// <summary>Takes out what the session may not call; true where that was any.</summary>
    public bool Filter(JsonArray tools)
    {
        JsonNode?[] hidden = [.. tools.Where(tool => NameOf(tool) is not { } name || !Allows(name))];
        foreach (JsonNode? tool in hidden) tools.Remove(tool);
        return hidden.Length > 0;
    }

    private static string? NameOf(JsonNode? tool) =>
        tool is JsonObject known && known["name"] is JsonValue name && name.TryGetValue(out string? text) ? text : null;

    private bool Allows(string name)
    {
        string tool = $"{_server}.{name}";
        return Array.Exists(_allowed, allowed => allowed.EndsWith(".*", StringComparison.Ordinal)
            ? tool.StartsWith(allowed[..^1], StringComparison.Ordinal)
            : allowed == "*" || allowed == tool);
    }
}
