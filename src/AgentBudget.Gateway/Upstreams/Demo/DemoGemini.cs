using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Demo;

/// <summary>The demo model's answers as Gemini's generateContent.</summary>
internal static class DemoGemini
{
    public static JsonObject Whole(DemoAnswer answer) =>
        Chunk(answer, PartOf(answer), ReasonOf(answer), answer.OutputTokens);

    public static IEnumerable<DemoEvent> Events(DemoAnswer answer)
    {
        if (answer.Tool is not null)
        {
            yield return new DemoEvent("", Whole(answer));
            yield break;
        }

        int said = 0;
        foreach (string piece in answer.Pieces)
        {
            said++;
            yield return new DemoEvent("", Chunk(
                answer,
                new JsonObject { ["text"] = piece },
                said == answer.OutputTokens ? ReasonOf(answer) : null,
                said));
        }
    }

    private static JsonObject PartOf(DemoAnswer answer) => answer.Tool is { } tool
        ? new JsonObject
        {
            ["functionCall"] = new JsonObject
            {
                ["name"] = tool.Name,
                ["args"] = JsonNode.Parse(tool.Arguments),
            },
        }
        : new JsonObject { ["text"] = answer.Text };

    private static string ReasonOf(DemoAnswer answer) => answer.IsCut ? "MAX_TOKENS" : "STOP";

    private static JsonObject Chunk(DemoAnswer answer, JsonObject part, string? reason, int outputTokens)
    {
        JsonObject candidate = new()
        {
            ["content"] = new JsonObject { ["role"] = "model", ["parts"] = new JsonArray(part) },
            ["index"] = 0,
        };
        if (reason is not null) candidate["finishReason"] = reason;
        return new JsonObject
        {
            ["candidates"] = new JsonArray(candidate),
            ["usageMetadata"] = new JsonObject
            {
                ["promptTokenCount"] = answer.InputTokens,
                ["candidatesTokenCount"] = outputTokens,
                ["totalTokenCount"] = answer.InputTokens + outputTokens,
            },
            ["modelVersion"] = answer.Model,
            ["responseId"] = answer.Id,
        };
    }
}
