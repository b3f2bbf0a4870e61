using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>Answers of Converse as those of Messages.</summary>
internal static class ConverseAnswer
{
    private const int IdBytes = 12;

    /// <summary>A whole answer.</summary>
    /// <param name="json">What Bedrock answered.</param>
    /// <param name="model">The model that it was asked of.</param>
    /// <exception cref="IOException">It is no answer of Converse.</exception>
    public static byte[] Of(ReadOnlySpan<byte> json, string model)
    {
        try
        {
            JsonNode? answer = JsonNode.Parse(json);
            JsonObject message = Begin(model);
            message.Remove("usage");
            JsonArray content = message["content"]!.AsArray();
            foreach (JsonNode? block in answer?["output"]?["message"]?["content"]?.AsArray() ?? [])
            {
                if (BlockOf(block) is { } told) content.Add(told);
            }

            message["stop_reason"] = StopReasonOf((string?)answer?["stopReason"]);
            // Without a report the answer has none either, and is estimated.
            if (UsageOf(answer?["usage"]) is { } usage) message["usage"] = usage;
            return JsonSerializer.SerializeToUtf8Bytes(message);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException)
        {
            throw new IOException("Bedrock answered what is no answer of Converse.", fault);
        }
    }

    /// <summary>A message before its content. Its usage is not known yet.</summary>
    public static JsonObject Begin(string model) => new()
    {
        ["id"] = $"msg_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes))}",
        ["type"] = "message",
        ["role"] = "assistant",
        ["model"] = model,
        ["content"] = new JsonArray(),
        ["stop_reason"] = null,
        ["stop_sequence"] = null,
        ["usage"] = new JsonObject { ["input_tokens"] = 0, ["output_tokens"] = 0 },
    };

    /// <summary>What Bedrock counted, by the names of Messages, which count cached input apart too.</summary>
    /// <returns>Null where it did not count both input and output.</returns>
    public static JsonObject? UsageOf(JsonNode? usage)
    {
        if (usage is not JsonObject told || CountOf(told["inputTokens"]) is not { } input
            || CountOf(told["outputTokens"]) is not { } output)
        {
            return null;
        }

        JsonObject counted = new()
        {
            ["input_tokens"] = input,
            ["cache_read_input_tokens"] = CountOf(told["cacheReadInputTokens"]) ?? 0,
            ["cache_creation_input_tokens"] = CountOf(told["cacheWriteInputTokens"]) ?? 0,
            ["output_tokens"] = output,
        };
        if (told["cacheDetails"] is not JsonArray { Count: > 0 } details) return counted;
        JsonObject lives = [];
        foreach (JsonNode? detail in details)
        {
            if ((string?)detail?["ttl"] is not ("5m" or "1h") and not null) continue;
            string name = $"ephemeral_{(string?)detail?["ttl"] ?? "5m"}_input_tokens";
            lives[name] = ((long?)lives[name] ?? 0) + (CountOf(detail?["inputTokens"]) ?? 0);
        }

        counted["cache_creation"] = lives;
        return counted;
    }

    public static string StopReasonOf(string? reason) => reason switch
    {
        null => "end_turn",
        "guardrail_intervened" or "content_filtered" => "refusal",
        _ => reason, // The others have the same name.
    };

    public static JsonObject Text(string text) => new() { ["type"] = "text", ["text"] = text };

    public static JsonObject Thinking(string text, string signature) => new()
    {
        ["type"] = "thinking",
        ["thinking"] = text,
        ["signature"] = signature,
    };

    public static JsonObject Redacted(string data) => new() { ["type"] = "redacted_thinking", ["data"] = data };

    public static JsonObject ToolUse(JsonObject tool, JsonNode input) => new()
    {
        ["type"] = "tool_use",
        ["id"] = (string?)tool["toolUseId"],
        ["name"] = (string?)tool["name"],
        ["input"] = input,
    };

    private static JsonObject? BlockOf(JsonNode? block)
    {
        if ((string?)block?["text"] is { } text) return Text(text);
        if (block?["toolUse"] is JsonObject tool) return ToolUse(tool, tool["input"]?.DeepClone() ?? new JsonObject());
        JsonNode? reasoning = block?["reasoningContent"];
        if (reasoning?["reasoningText"] is JsonObject thought)
            return Thinking((string?)thought["text"] ?? "", (string?)thought["signature"] ?? "");
        return (string?)reasoning?["redactedContent"] is { } hidden ? Redacted(hidden) : null;
    }

    private static long? CountOf(JsonNode? value) =>
        value is JsonValue number
            && long.TryParse(number.ToJsonString(), NumberStyles.None, CultureInfo.InvariantCulture, out long count)
            ? count
            : null;
}
