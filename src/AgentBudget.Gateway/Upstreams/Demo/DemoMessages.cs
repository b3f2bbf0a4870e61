using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Demo;

/// <summary>The demo model's answers as Anthropic's Messages.</summary>
internal static class DemoMessages
{
    public static JsonObject Whole(DemoAnswer answer) => Message(
        answer,
        [answer.Tool is { } tool
            ? ToolUse(answer, tool, JsonNode.Parse(tool.Arguments))
            : new JsonObject { ["type"] = "text", ["text"] = answer.Text }],
        ReasonOf(answer),
        answer.OutputTokens);

    public static IEnumerable<DemoEvent> Events(DemoAnswer answer)
    {
        yield return DemoEvent.Of("message_start", new() { ["message"] = Message(answer, [], null, outputTokens: 1) });
        yield return DemoEvent.Of("content_block_start", new()
        {
            ["index"] = 0,
            ["content_block"] = answer.Tool is { } tool
                ? ToolUse(answer, tool, new JsonObject())
                : new JsonObject { ["type"] = "text", ["text"] = "" },
        });
        foreach (JsonObject delta in DeltasOf(answer))
            yield return DemoEvent.Of("content_block_delta", new() { ["index"] = 0, ["delta"] = delta });
        yield return DemoEvent.Of("content_block_stop", new() { ["index"] = 0 });
        yield return DemoEvent.Of("message_delta", new()
        {
            ["delta"] = new JsonObject { ["stop_reason"] = ReasonOf(answer), ["stop_sequence"] = null },
            ["usage"] = new JsonObject { ["output_tokens"] = answer.OutputTokens },
        });
        yield return DemoEvent.Of("message_stop", []);
    }

    private static IEnumerable<JsonObject> DeltasOf(DemoAnswer answer) => answer.Tool is { } tool
        ? [new JsonObject { ["type"] = "input_json_delta", ["partial_json"] = tool.Arguments }]
        : answer.Pieces.Select(piece => new JsonObject { ["type"] = "text_delta", ["text"] = piece });

    private static string ReasonOf(DemoAnswer answer) =>
        answer.Tool is not null ? "tool_use" : answer.IsCut ? "max_tokens" : "end_turn";

    private static JsonObject ToolUse(DemoAnswer answer, DemoToolCall tool, JsonNode? input) => new()
    {
        ["type"] = "tool_use",
        ["id"] = $"toolu_{answer.Id}",
        ["name"] = tool.Name,
        ["input"] = input,
    };

    private static JsonObject Message(
        DemoAnswer answer, JsonArray content, string? stopReason, int outputTokens) => new()
        {
            ["id"] = answer.Id,
            ["type"] = "message",
            ["role"] = "assistant",
            ["model"] = answer.Model,
            ["content"] = content,
            ["stop_reason"] = stopReason,
            ["stop_sequence"] = null,
            ["usage"] = new JsonObject { ["input_tokens"] = answer.InputTokens, ["output_tokens"] = outputTokens },
        };
}
