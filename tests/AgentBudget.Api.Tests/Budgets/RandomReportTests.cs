using System.Globalization;
using System.Text.Json.Nodes;
using AgentBudget.Api.Budgets.Providers;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Api.Tests.Budgets;

/// <summary>
/// Reports at random, made from the buckets that they must come to: with keys that are missing, null, zero, text or
/// unknown.
/// </summary>
public sealed class RandomReportTests
{
    private const int Reports = 10_000;

    private static readonly Dictionary<string, Func<Random, TokenUsage, JsonObject>> Writers = new()
    {
        ["openAi"] = static (random, usage) => OpenAi(random, usage, "prompt_tokens", "completion_tokens"),
        ["openAiResponses"] = static (random, usage) => OpenAi(random, usage, "input_tokens", "output_tokens"),
        ["compatible"] = static (random, usage) => OpenAi(random, usage, "promptTokens", "completionTokens"),
        ["anthropic"] = Anthropic,
        ["gemini"] = Gemini,
        ["bedrock"] = Bedrock,
        ["bedrockInvoke"] = Invoke,
    };

    public static TheoryData<string> Dialects => [.. Writers.Keys];

    [Theory]
    [MemberData(nameof(Dialects))]
    public void A_report_comes_to_the_buckets_that_it_was_made_from(string dialect)
    {
        for (int seed = 1; seed <= Reports; seed++)
        {
            var random = new Random(seed);
            TokenUsage expected = Buckets(random, dialect);
            JsonObject report = Writers[dialect](random, expected);
            List<string> unknown = AddUnknown(random, report);
            string json = new JsonObject { [dialect] = report }.ToJsonString();

            FieldFaults faults = default;
            var request = new CommitTokensRequest { ProviderUsage = JsonParser.Default.Parse<ProviderUsage>(json) };
            UsageReading reading = UsageReports.Normalise(request, ref faults);
            faults.ThrowIfAny();

            Assert.True(expected.Equals(request.Usage), $"seed {seed}: {json} comes to {request.Usage}: {expected}");
            Assert.Equal(unknown.Order(), reading.Unread.Order());
        }
    }

    private static TokenUsage Buckets(Random random, string dialect)
    {
        var usage = new TokenUsage { InputTokens = Any(random), OutputTokens = Any(random) };
        bool isOpenAi = dialect is "openAi" or "openAiResponses" or "compatible";
        usage.CacheReadTokens = Any(random);
        if (dialect != "gemini") usage.CacheWrite5MTokens = Any(random);
        if (dialect is "anthropic" or "bedrock") usage.CacheWrite1HTokens = Any(random);
        if (!isOpenAi && dialect != "gemini") return usage;
        usage.ReasoningTokens = Any(random);
        usage.InputAudioTokens = Any(random);
        usage.InputImageTokens = Any(random);
        usage.CacheReadAudioTokens = Any(random);
        usage.OutputAudioTokens = Any(random);
        usage.OutputImageTokens = Any(random);
        // Without text in the answer these thoughts would be more than the rest of it, and so be counted apart.
        return usage;
    }

    private static long Any(Random random) => random.Next(3) == 0 ? 0 : random.NextInt64(1, 1_000_000);

    private static JsonObject OpenAi(Random random, TokenUsage usage, string prompt, string completion)
    {
        bool isCamel = prompt.EndsWith("Tokens", StringComparison.Ordinal);
        long cached = usage.CacheReadTokens + usage.CacheReadAudioTokens;
        long input = usage.InputTokens + cached + usage.CacheWrite5MTokens + usage.InputAudioTokens
            + usage.InputImageTokens;
        long output = usage.OutputTokens + usage.ReasoningTokens + usage.OutputAudioTokens + usage.OutputImageTokens;
        JsonObject details = new(), cachedDetails = new(), outputDetails = new();
        Put(random, details, "cached_tokens", cached);
        Put(random, details, "cache_write_tokens", usage.CacheWrite5MTokens);
        Put(random, details, "audio_tokens", usage.InputAudioTokens + usage.CacheReadAudioTokens);
        Put(random, details, "image_tokens", usage.InputImageTokens);
        Put(random, cachedDetails, "audio_tokens", usage.CacheReadAudioTokens);
        details["cached_tokens_details"] = cachedDetails;
        Put(random, outputDetails, "reasoning_tokens", usage.ReasoningTokens);
        Put(random, outputDetails, "audio_tokens", usage.OutputAudioTokens);
        Put(random, outputDetails, "image_tokens", usage.OutputImageTokens);
        JsonObject report = new()
        {
            [isCamel ? "promptTokensDetails" : $"{prompt}_details"] = details,
            [isCamel ? "completionTokensDetails" : $"{completion}_details"] = outputDetails,
        };
        Put(random, report, prompt, input);
        Put(random, report, completion, output);
        if (random.Next(2) == 0) Put(random, report, "total_tokens", input + output);
        return report;
    }

    private static JsonObject Anthropic(Random random, TokenUsage usage)
    {
        JsonObject report = new(), creation = new();
        Put(random, report, "input_tokens", usage.InputTokens);
        Put(random, report, "output_tokens", usage.OutputTokens);
        Put(random, report, "cache_read_input_tokens", usage.CacheReadTokens);
        Put(random, report, "cache_creation_input_tokens", usage.CacheWrite5MTokens + usage.CacheWrite1HTokens);
        Put(random, creation, "ephemeral_1h_input_tokens", usage.CacheWrite1HTokens);
        if (random.Next(2) == 0) Put(random, creation, "ephemeral_5m_input_tokens", usage.CacheWrite5MTokens);
        report["cache_creation"] = creation;
        return report;
    }

    private static JsonObject Gemini(Random random, TokenUsage usage)
    {
        JsonObject report = new();
        long cached = usage.CacheReadTokens + usage.CacheReadAudioTokens;
        long tools = random.NextInt64(0, usage.InputTokens + 1);
        long prompt = usage.InputTokens - tools + cached + usage.InputAudioTokens + usage.InputImageTokens;
        long output = usage.OutputTokens + usage.OutputAudioTokens + usage.OutputImageTokens;
        Put(random, report, "promptTokenCount", prompt);
        Put(random, report, "cachedContentTokenCount", cached);
        Put(random, report, "toolUsePromptTokenCount", tools);
        Put(random, report, random.Next(2) == 0 ? "candidatesTokenCount" : "responseTokenCount", output);
        Put(random, report, "thoughtsTokenCount", usage.ReasoningTokens);
        if (random.Next(2) == 0)
            Put(random, report, "totalTokenCount", prompt + tools + output + usage.ReasoningTokens);
        report["promptTokensDetails"] = Modalities(
            ("AUDIO", usage.InputAudioTokens + usage.CacheReadAudioTokens), ("IMAGE", usage.InputImageTokens),
            ("TEXT", 1));
        report["cacheTokensDetails"] = Modalities(("AUDIO", usage.CacheReadAudioTokens));
        report["candidatesTokensDetails"] = Modalities(
            ("IMAGE", usage.OutputImageTokens), ("AUDIO", usage.OutputAudioTokens));
        return report;
    }

    private static JsonObject Bedrock(Random random, TokenUsage usage)
    {
        JsonObject report = new();
        Put(random, report, "inputTokens", usage.InputTokens);
        Put(random, report, "outputTokens", usage.OutputTokens);
        Put(random, report, "cacheReadInputTokens", usage.CacheReadTokens);
        Put(random, report, "cacheWriteInputTokens", usage.CacheWrite5MTokens + usage.CacheWrite1HTokens);
        report["cacheDetails"] = new JsonArray(
            new JsonObject { ["ttl"] = "1h", ["inputTokens"] = usage.CacheWrite1HTokens },
            new JsonObject { ["ttl"] = "5m", ["inputTokens"] = usage.CacheWrite5MTokens });
        return report;
    }

    private static JsonObject Invoke(Random random, TokenUsage usage)
    {
        JsonObject report = new();
        Put(random, report, "inputTokenCount", usage.InputTokens);
        Put(random, report, "outputTokenCount", usage.OutputTokens);
        Put(random, report, "cacheReadInputTokenCount", usage.CacheReadTokens);
        Put(random, report, "cacheWriteInputTokenCount", usage.CacheWrite5MTokens);
        return report;
    }

    private static JsonArray Modalities(params (string Modality, long Count)[] counts) =>
    [
        .. counts.Where(count => count.Count > 0).Select(count => new JsonObject
        {
            ["modality"] = count.Modality,
            ["tokenCount"] = count.Count,
        }),
    ];

    // Nothing may be missing, null or zero; a number may be text.
    private static void Put(Random random, JsonObject report, string key, long count)
    {
        if (count == 0 && random.Next(3) == 0) return;
        if (count == 0 && random.Next(2) == 0) report[key] = null;
        else report[key] = random.Next(6) == 0 ? count.ToString(CultureInfo.InvariantCulture) : count;
    }

    private static List<string> AddUnknown(Random random, JsonObject report)
    {
        var unknown = new List<string>();
        JsonNode?[] values = [null, 7, "text", true, new JsonObject { ["deep"] = 1 }, new JsonArray(1, 2)];
        for (int number = random.Next(4); number > 0; number--)
        {
            JsonNode? value = values[random.Next(values.Length)]?.DeepClone();
            report[$"odd_{number}"] = value;
            if (value is not null) unknown.Add($"odd_{number}");
        }

        return unknown;
    }
}
