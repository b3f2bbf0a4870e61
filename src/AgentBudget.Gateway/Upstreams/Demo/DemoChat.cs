using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Demo;

/// <summary>The demo model's answers as Chat Completions.</summary>
internal static class DemoChat
{
    private const string ChunkKind = "chat.completion.chunk";

    public static JsonObject Whole(DemoAnswer answer)
    {
        JsonObject message = new() { ["role"] = "assistant", ["content"] = answer.Tool is null ? answer.Text : null };
        if (answer.Tool is { } tool) message["tool_calls"] = new JsonArray(ToolCall(answer, tool));
        JsonObject choice = new() { ["index"] = 0, ["message"] = message, ["finish_reason"] = ReasonOf(answer) };
        return Chunk(answer, "chat.completion", [choice], Usage(answer));
    }

    public static IEnumerable<DemoEvent> Events(DemoAnswer answer)
    {
        yield return Piece(answer, new JsonObject { ["role"] = "assistant", ["content"] = "" });
        if (answer.Tool is { } tool)
        {
            JsonObject call = ToolCall(answer, tool);
            call.Insert(0, "index", 0);
            yield return Piece(answer, new JsonObject { ["tool_calls"] = new JsonArray(call) });
        }
        else
        {
            foreach (string piece in answer.Pieces) yield return Piece(answer, new JsonObject { ["content"] = piece });
        }

        yield return Piece(answer, [], ReasonOf(answer));
        yield return new DemoEvent("", Chunk(answer, ChunkKind, [], Usage(answer)));
        yield return new DemoEvent("", null);
    }

    private static string ReasonOf(DemoAnswer answer) =>
        answer.Tool is not null ? "tool_calls" : answer.IsCut ? "length" : "stop";

    private static JsonObject ToolCall(DemoAnswer answer, DemoToolCall tool) => new()
    {
        ["id"] = $"call_{answer.Id}",
        ["type"] = "function",
        ["function"] = new JsonObject { ["name"] = tool.Name, ["arguments"] = tool.Arguments },
    };

    private static DemoEvent Piece(DemoAnswer answer, JsonObject delta, string? reason = null)
    {
        JsonObject choice = new() { ["index"] = 0, ["delta"] = delta, ["finish_reason"] = reason };
        return new DemoEvent("", Chunk(answer, ChunkKind, [choice], null));
    }

    private static JsonObject Usage(DemoAnswer answer) => new()
    {
        ["prompt_tokens"] = answer.InputTokens,
        ["completion_tokens"] = answer.OutputTokens,
        ["total_tokens"] = answer.InputTokens + answer.OutputTokens,
    };

    private static JsonObject Chunk(DemoAnswer answer, string kind, JsonArray choices, JsonObject? usage) => new()
    {
        ["id"] = answer.Id,
        ["object"] = kind,
        ["created"] = answer.Created,
        ["model"] = answer.Model,
        ["choices"] = choices,
        ["usage"] = usage,
    };
}
