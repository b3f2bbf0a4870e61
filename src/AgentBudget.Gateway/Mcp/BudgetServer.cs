using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Mcp;

/// <summary>
/// The gateway's own server of tools, which tells an agent what is left of its budget. It keeps no sessions; its tool
/// costs nothing and is in every scope, because it names nobody but the caller.
/// </summary>
internal sealed class BudgetServer(GatewayServices services)
{
    private const string Tool = "budget_left";
    private const int MethodNotFound = -32601;
    private const int InvalidParams = -32602;

    private static readonly string[] Versions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

    public Task HandleAsync(HttpContext http) =>
        CallEdge.RunAsync(services, McpErrors.Instance, "mcp", http, CallAsync);

    private async Task CallAsync(HttpContext http, CallTrace trace)
    {
        trace.Upstream = "budget";
        using SessionUse spender = await McpChallenge.TakeAsync(services, http);
        using BodyReader.Held held = await services.Bodies.ReadAsync(http.Request, http.RequestAborted);
        var message = McpMessage.Parse(held.Bytes, http.Request);
        if (message.Id is null)
        {
            http.Response.StatusCode = StatusCodes.Status202Accepted;
            return;
        }

        JsonObject? result = message switch
        {
            { Method: "initialize" } => Initialized(JsonNode.Parse(held.Bytes.Span)),
            { Method: "ping" } => [],
            { Method: McpMessage.ListTools } => new JsonObject { ["tools"] = new JsonArray(Description()) },
            { Method: McpMessage.CallTool, Tool: Tool } => await LeftAsync(spender, http.RequestAborted),
            _ => null,
        };
        JsonObject answer = new() { ["jsonrpc"] = "2.0", ["id"] = message.Id.DeepClone() };
        if (result is not null) answer["result"] = result;
        else
        {
            bool isTool = message.Method == McpMessage.CallTool;
            answer["error"] = new JsonObject
            {
                ["code"] = isTool ? InvalidParams : MethodNotFound,
                ["message"] = isTool
                    ? $"There is no tool {message.Tool}. {Tool} is the only one."
                    : $"{message.Method} is not served.",
            };
        }

        await GatewayRoutes.WriteAsync(http, answer);
    }

    private static JsonObject Initialized(JsonNode? request)
    {
        string asked = request?["params"]?["protocolVersion"] is JsonValue value
            && value.TryGetValue(out string? text) ? text : "";
        return new JsonObject
        {
            ["protocolVersion"] = Array.Exists(Versions, version => version == asked) ? asked : Versions[0],
            ["capabilities"] = new JsonObject { ["tools"] = new JsonObject() },
            ["serverInfo"] = new JsonObject { ["name"] = "agentbudget", ["version"] = "1" },
            ["instructions"] = $"Call {Tool} before costly work: it says what this session may still spend.",
        };
    }

    private static JsonObject Description() => new()
    {
        ["name"] = Tool,
        ["title"] = "What is left of the budget",
        ["description"] =
            "Says what this session may still spend on every account of its path, and when each starts again.",
        ["inputSchema"] = new JsonObject { ["type"] = "object", ["properties"] = new JsonObject() },
        ["annotations"] = new JsonObject { ["readOnlyHint"] = true, ["openWorldHint"] = false },
    };

    private async Task<JsonObject> LeftAsync(SessionUse spender, CancellationToken cancellation)
    {
        GetBalanceResponse balance = await services.Client.GetBalanceAsync(
            new GetBalanceRequest { SessionToken = spender.Token }, cancellation);
        string json = JsonFormatter.Default.Format(balance);
        return new JsonObject
        {
            ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = json }),
            ["structuredContent"] = JsonNode.Parse(json),
            ["isError"] = false,
        };
    }
}
