using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;

namespace AgentBudget.Gateway.Mcp;

/// <summary>Errors of the Model Context Protocol: JSON-RPC's, with a status of HTTP.</summary>
internal sealed class McpErrors : ErrorShape
{
    private const int InvalidRequest = -32600;
    private const int HeaderMismatch = -32020;
    private const int ServerError = -32000;

    public static McpErrors Instance { get; } = new();

    public override string RequestIdHeader => "x-request-id";

    public override byte[] StreamEvent(CallRefusedException refusal, string requestId) =>
        Event(Error(id: null, refusal));

    /// <summary>An answer that says why a request was not answered.</summary>
    public static JsonObject Error(JsonNode? id, CallRefusedException refusal) => new()
    {
        ["jsonrpc"] = "2.0",
        ["id"] = id,
        ["error"] = new JsonObject
        {
            ["code"] = refusal.Reason == McpMessage.HeaderMismatch ? HeaderMismatch
                : refusal.Kind is RefusalKind.Invalid or RefusalKind.TooLarge ? InvalidRequest
                : ServerError,
            ["message"] = refusal.Message,
        },
    };

    /// <summary>Whether the model reads why a tool was not called, and goes on without it.</summary>
    public static bool IsForModel(CallRefusedException refusal) =>
        refusal.Kind is RefusalKind.Money or RefusalKind.Invalid or RefusalKind.Busy;

    /// <summary>The result of a tool that was not called, for the model to read.</summary>
    public static JsonObject Refused(JsonNode? id, CallRefusedException refusal) => new()
    {
        ["jsonrpc"] = "2.0",
        ["id"] = id,
        ["result"] = new JsonObject
        {
            ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = refusal.Message }),
            ["isError"] = true,
        },
    };

    public static byte[] Event(JsonObject message) =>
        [.. "data: "u8, .. JsonSerializer.SerializeToUtf8Bytes(message), .. "\n\n"u8];

    protected override byte[] Body(
        CallRefusedException refusal, int status, string requestId, string userAgent, DateTimeOffset now) =>
        JsonSerializer.SerializeToUtf8Bytes(Error(id: null, refusal));
}
