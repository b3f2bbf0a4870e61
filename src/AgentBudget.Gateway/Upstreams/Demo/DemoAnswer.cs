using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace AgentBudget.Gateway.Upstreams.Demo;

/// <summary>An event of a stream.</summary>
/// <param name="Name">Its name; empty for none.</param>
/// <param name="Data">What it says; null for the mark of the end.</param>
internal readonly record struct DemoEvent(string Name, JsonObject? Data)
{
    /// <summary>An event that is named as its data's type is.</summary>
    public static DemoEvent Of(string type, JsonObject members)
    {
        members.Insert(0, "type", type);
        return new DemoEvent(type, members);
    }
}

/// <summary>
/// A tool that the input tells the demo model to call: <c>demo:call NAME {"a":1}</c> once, until a tool's result is
/// there; <c>demo:loop NAME {"a":1}</c> each time, which is a runaway agent.
/// </summary>
/// <param name="Name">The tool.</param>
/// <param name="Arguments">JSON.</param>
internal sealed partial record DemoToolCall(string Name, string Arguments)
{
    /// <summary>The last one that the input tells of; null where it tells of none.</summary>
    public static DemoToolCall? In(JsonObject call)
    {
        Found found = new();
        foreach (string member in (string[])["messages", "input", "contents"]) found.Search(call[member]);
        if (found.Last is not { } told || (told.Groups[1].Value == "call" && found.HasResult)) return null;
        string arguments = told.Groups[3].Value;
        try
        {
            using var parsed = JsonDocument.Parse(arguments);
        }
        catch (JsonException)
        {
            arguments = "{}";
        }

        return new DemoToolCall(told.Groups[2].Value, arguments);
    }

    [GeneratedRegex("demo:(call|loop) ([A-Za-z0-9_.-]+)(?: ({[^\n]*}))?")]
    private static partial Regex Told();

    private sealed class Found
    {
        public Match? Last { get; private set; }

        public bool HasResult { get; private set; }

        public void Search(JsonNode? node)
        {
            switch (node)
            {
                case JsonObject members:
                    HasResult |= members.ContainsKey("functionResponse")
                        || Says(members["role"], "tool")
                        || Says(members["type"], "tool_result")
                        || Says(members["type"], "function_call_output");
                    foreach ((_, JsonNode? member) in members) Search(member);
                    break;
                case JsonArray list:
                    foreach (JsonNode? one in list) Search(one);
                    break;
                case JsonValue value when value.TryGetValue(out string? text):
                    Last = Told().Matches(text).LastOrDefault() ?? Last;
                    break;
            }
        }

        private static bool Says(JsonNode? node, string text) =>
            node is JsonValue value && value.TryGetValue(out string? said) && said == text;
    }
}

/// <summary>What the demo model answers, before a dialect puts it into words.</summary>
internal sealed record DemoAnswer
{
    private const int WordsByDefault = 24;
    private const int BytesPerToken = 4;

    private static readonly string[] Words =
        "This is the demo model of AgentBudget . It runs offline , streams , and bills the tokens that it counts ."
            .Split(' ');

    public required string Id { get; init; }

    public required string Model { get; init; }

    public required long Created { get; init; }

    public required int InputTokens { get; init; }

    public required int OutputTokens { get; init; }

    /// <summary>The call's maximum cut it off.</summary>
    public required bool IsCut { get; init; }

    /// <summary>It calls a tool and says nothing.</summary>
    public required DemoToolCall? Tool { get; init; }

    public IEnumerable<string> Pieces => Enumerable.Range(0, OutputTokens)
        .Select(index => (index == 0 ? "" : " ") + Words[index % Words.Length]);

    public string Text => string.Concat(Pieces);

    public static DemoAnswer To(JsonObject call, string model, int inputTokens, TimeProvider time)
    {
        long maximum = MaximumOf(call);
        DemoToolCall? tool = DemoToolCall.In(call);
        int wanted = tool is null ? WordsByDefault : 1 + (tool.Arguments.Length / BytesPerToken);
        return new DemoAnswer
        {
            Id = $"demo-{time.GetTimestamp():x}",
            Model = model,
            Created = time.GetUtcNow().ToUnixTimeSeconds(),
            InputTokens = inputTokens,
            OutputTokens = (int)Math.Min(maximum, wanted),
            IsCut = tool is null && maximum < wanted,
            Tool = tool,
        };
    }

    private static long MaximumOf(JsonObject call)
    {
        JsonNode? maximum = call["max_completion_tokens"] ?? call["max_tokens"] ?? call["max_output_tokens"]
            ?? (call["generationConfig"] ?? call["generation_config"])?["maxOutputTokens"];
        return (long?)maximum ?? long.MaxValue;
    }
}
