using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Mcp;

/// <summary>
/// The gateway's own server of tools, by which an agent reads what is left of its budget and asks for more. It keeps no
/// sessions; its tools cost nothing and are in every scope, because they concern nobody but the caller.
/// </summary>
internal sealed class BudgetServer(GatewayServices services)
{
    private const int MethodNotFound = -32601;
    private const int InvalidParams = -32602;

    private static readonly string[] Versions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

    private readonly BudgetTools _tools = new(services.Client, services.Time);

    public Task HandleAsync(HttpContext http) =>
        CallEdge.RunAsync(services, McpErrors.Instance, "mcp", http, CallAsync);

    private async Task CallAsync(HttpContext http, CallTrace trace)
    {
        trace.Upstream = "budget";
        McpProxy.CheckOrigin(http.Request);
        using SessionUse spender = await McpChallenge.TakeAsync(services, http);
        using BodyReader.Held held = await services.Bodies.ReadAsync(
            http.Request, trace.Caller, http.RequestAborted);
        var message = McpMessage.Parse(held.Bytes, http.Request);
        if (message.Id is null)
        {
            http.Response.StatusCode = StatusCodes.Status202Accepted;
            return;
        }

        JsonObject? result;
        try
        {
            result = message switch
            {
                { Method: "initialize" } => Initialized(JsonNode.Parse(held.Bytes.Span)),
                { Method: "ping" } => [],
                { Method: McpMessage.ListTools } => new JsonObject { ["tools"] = BudgetTools.Describe() },
                { Method: McpMessage.CallTool } => await _tools.CallAsync(spender, message, http.RequestAborted),
                _ => null,
            };
        }
        catch (CallRefusedException refusal) when (McpErrors.IsForModel(refusal))
        {
            await GatewayRoutes.WriteAsync(http, McpErrors.Refused(message.Id.DeepClone(), refusal));
            return;
        }

        JsonObject answer = new() { ["jsonrpc"] = "2.0", ["id"] = message.Id.DeepClone() };
        if (result is not null) answer["result"] = result;
        else
        {
            bool isTool = message.Method == McpMessage.CallTool;
            answer["error"] = new JsonObject
            {
                ["code"] = isTool ? InvalidParams : MethodNotFound,
                ["message"] = isTool
                    ? $"There is no tool {message.Tool}. There are {BudgetTools.Left}, {BudgetTools.Request} and "
                        + $"{BudgetTools.Answer}."
                    : $"{message.Method} is not served.",
            };
        }

        await GatewayRoutes.WriteAsync(http, answer);
    }

    private static JsonObject Initialized(JsonNode? request)
    {
        string asked = request?["params"] is JsonObject given && given["protocolVersion"] is JsonValue value
            && value.TryGetValue(out string? text) ? text : "";
        return new JsonObject
        {
            ["protocolVersion"] = Array.Exists(Versions, version => version == asked) ? asked : Versions[0],
            ["capabilities"] = new JsonObject { ["tools"] = new JsonObject() },
            ["serverInfo"] = new JsonObject { ["name"] = "agentbudget", ["version"] = "1" },
            ["instructions"] =
                $"Call {BudgetTools.Left} before costly work: it says what this session may still spend. Where a "
                + $"budget refuses, {BudgetTools.Request} asks for more.",
        };
    }
}
