using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;

namespace AgentBudget.Gateway.Dialects;

/// <summary>
/// Errors of OpenAI's Responses. Those of a stream come twice, because no client raises on both: Codex on
/// <c>response.failed</c>, the SDKs on <c>error</c>.
/// </summary>
internal sealed class ResponsesErrors : OpenAiErrors
{
    public static new ResponsesErrors Instance { get; } = new();

    // A stream's errors are flat, or stand in the response; an answer's do neither.
    public override byte[] BodyOfEvent(byte[] data)
    {
        JsonNode? document = JsonNode.Parse(data);
        JsonNode? error = document?["response"]?["error"] ?? document?["error"] ?? document;
        return JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["error"] = error?.DeepClone() });
    }

    public override byte[] StreamEvent(CallRefusedException refusal, string requestId)
    {
        (_, string? code) = NamesOf(refusal.Kind);
        // Codex sends anything again but a few codes, and of these shows the message of this one only.
        bool isFinal = refusal.Kind is not (RefusalKind.Upstream or RefusalKind.Unavailable or RefusalKind.Busy);
        JsonObject failed = new()
        {
            ["type"] = "response.failed",
            ["response"] = new JsonObject
            {
                ["id"] = requestId,
                ["object"] = "response",
                ["status"] = "failed",
                ["output"] = new JsonArray(),
                ["error"] = new JsonObject
                {
                    ["code"] = isFinal ? "invalid_prompt" : "server_error",
                    ["message"] = refusal.Message,
                },
            },
        };
        JsonObject error = new()
        {
            ["type"] = "error",
            ["code"] = code,
            ["message"] = refusal.Message,
            ["param"] = null,
        };
        return
        [
            .. "event: response.failed\ndata: "u8, .. JsonSerializer.SerializeToUtf8Bytes(failed), .. "\n\n"u8,
            .. "event: error\ndata: "u8, .. JsonSerializer.SerializeToUtf8Bytes(error), .. "\n\n"u8,
        ];
    }
}
