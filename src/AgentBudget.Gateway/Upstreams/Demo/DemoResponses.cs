using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Demo;

/// <summary>The demo model's answers as OpenAI's Responses.</summary>
internal static class DemoResponses
{
    public static JsonObject Whole(DemoAnswer answer) =>
        Response(answer, answer.IsCut ? "incomplete" : "completed", [Item(answer, isDone: true)], Usage(answer));

    public static IEnumerable<DemoEvent> Events(DemoAnswer answer)
    {
        int number = 0;
        foreach ((string type, JsonObject members) in Steps(answer))
        {
            members["sequence_number"] = number++;
            yield return DemoEvent.Of(type, members);
        }
    }

    private static IEnumerable<(string Type, JsonObject Members)> Steps(DemoAnswer answer)
    {
        yield return ("response.created", new() { ["response"] = Response(answer, "in_progress", [], null) });
        yield return ("response.in_progress", new() { ["response"] = Response(answer, "in_progress", [], null) });
        yield return (
            "response.output_item.added", new() { ["output_index"] = 0, ["item"] = Item(answer, isDone: false) });
        foreach ((string, JsonObject) step in answer.Tool is { } tool ? ToolSteps(answer, tool) : TextSteps(answer))
            yield return step;
        yield return (
            "response.output_item.done", new() { ["output_index"] = 0, ["item"] = Item(answer, isDone: true) });
        yield return (
            answer.IsCut ? "response.incomplete" : "response.completed", new() { ["response"] = Whole(answer) });
    }

    private static IEnumerable<(string Type, JsonObject Members)> ToolSteps(DemoAnswer answer, DemoToolCall tool)
    {
        JsonObject delta = At(answer), done = At(answer);
        delta["delta"] = tool.Arguments;
        done["arguments"] = tool.Arguments;
        yield return ("response.function_call_arguments.delta", delta);
        yield return ("response.function_call_arguments.done", done);
    }

    private static IEnumerable<(string Type, JsonObject Members)> TextSteps(DemoAnswer answer)
    {
        JsonObject added = PartAt(answer), done = PartAt(answer), part = PartAt(answer);
        added["part"] = Text("");
        yield return ("response.content_part.added", added);
        foreach (string piece in answer.Pieces)
        {
            JsonObject delta = PartAt(answer);
            delta["delta"] = piece;
            delta["logprobs"] = new JsonArray();
            yield return ("response.output_text.delta", delta);
        }

        done["text"] = answer.Text;
        done["logprobs"] = new JsonArray();
        yield return ("response.output_text.done", done);
        part["part"] = Text(answer.Text);
        yield return ("response.content_part.done", part);
    }

    private static JsonObject PartAt(DemoAnswer answer)
    {
        JsonObject at = At(answer);
        at["content_index"] = 0;
        return at;
    }

    private static JsonObject At(DemoAnswer answer) => new() { ["item_id"] = ItemId(answer), ["output_index"] = 0 };

    private static string ItemId(DemoAnswer answer) => $"{(answer.Tool is null ? "msg" : "fc")}_{answer.Id}";

    private static JsonObject Text(string text) => new()
    {
        ["type"] = "output_text",
        ["text"] = text,
        ["annotations"] = new JsonArray(),
        ["logprobs"] = new JsonArray(),
    };

    private static JsonObject Item(DemoAnswer answer, bool isDone)
    {
        string status = isDone ? "completed" : "in_progress";
        if (answer.Tool is { } tool)
        {
            return new JsonObject
            {
                ["id"] = ItemId(answer),
                ["type"] = "function_call",
                ["status"] = status,
                ["call_id"] = $"call_{answer.Id}",
                ["name"] = tool.Name,
                ["arguments"] = isDone ? tool.Arguments : "",
            };
        }

        return new JsonObject
        {
            ["id"] = ItemId(answer),
            ["type"] = "message",
            ["status"] = status,
            ["role"] = "assistant",
            ["content"] = isDone ? new JsonArray(Text(answer.Text)) : [],
        };
    }

    private static JsonObject Usage(DemoAnswer answer) => new()
    {
        ["input_tokens"] = answer.InputTokens,
        ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = 0 },
        ["output_tokens"] = answer.OutputTokens,
        ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = 0 },
        ["total_tokens"] = answer.InputTokens + answer.OutputTokens,
    };

    private static JsonObject Response(DemoAnswer answer, string status, JsonArray output, JsonObject? usage) => new()
    {
        ["id"] = $"resp_{answer.Id}",
        ["object"] = "response",
        ["created_at"] = answer.Created,
        ["status"] = status,
        ["error"] = null,
        ["incomplete_details"] =
            status == "incomplete" ? new JsonObject { ["reason"] = "max_output_tokens" } : null,
        ["instructions"] = null,
        ["metadata"] = new JsonObject(),
        ["model"] = answer.Model,
        ["output"] = output,
        ["parallel_tool_calls"] = true,
        ["temperature"] = 1,
        ["text"] = new JsonObject { ["format"] = new JsonObject { ["type"] = "text" } },
        ["tool_choice"] = "auto",
        ["tools"] = new JsonArray(),
        ["top_p"] = 1,
        ["truncation"] = "disabled",
        ["usage"] = usage,
    };
}
