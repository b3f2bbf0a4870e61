using System.Globalization;
using System.Text.Json.Nodes;

namespace AgentBudget.Api.Tests.Budgets;

/// <summary>What a report can count, whatever its dialect calls it.</summary>
internal enum Fact
{
    Prompt,
    UsedPrompt,
    Cached,
    Written,
    Written5m,
    Written1h,
    Audio,
    Image,
    CachedAudio,
    CachedImage,
    Added,
    AddedAudio,
    AddedImage,
    Output,
    UsedOutput,
    Reasoning,
    OutputAudio,
    OutputImage,
    Total,
    Searches,
    Seconds,
}

/// <summary>
/// How reports of one dialect are written: every key may be there, missing, null, zero or text, each on its own, so
/// that most reports contradict themselves.
/// </summary>
/// <param name="Name">The field of ProviderUsage.</param>
/// <param name="IncludesCache">Its prompt counts what caches gave and took.</param>
/// <param name="IncludesReasoning">Its answer counts thoughts.</param>
/// <param name="Paths">
/// The paths of each fact, of which a report has one. A path that ends with <c>[NAME]</c> is a list of counts by
/// modality or time to live.
/// </param>
internal sealed record ReportGrammar(
    string Name, bool IncludesCache, bool IncludesReasoning, IReadOnlyDictionary<Fact, string[]> Paths)
{
    private static readonly Dictionary<Fact, string[]> Chat = new()
    {
        [Fact.Prompt] = ["prompt_tokens"],
        [Fact.Output] = ["completion_tokens"],
        [Fact.Total] = ["total_tokens"],
        [Fact.Cached] =
            ["prompt_tokens_details.cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens"],
        [Fact.Written] =
        [
            "prompt_tokens_details.cache_write_tokens", "prompt_tokens_details.cache_creation_tokens",
            "cache_creation_input_tokens",
        ],
        [Fact.Audio] = ["prompt_tokens_details.audio_tokens"],
        [Fact.Image] = ["prompt_tokens_details.image_tokens"],
        [Fact.CachedAudio] = ["prompt_tokens_details.cached_tokens_details.audio_tokens"],
        [Fact.CachedImage] = ["prompt_tokens_details.cached_tokens_details.image_tokens"],
        [Fact.Reasoning] = ["completion_tokens_details.reasoning_tokens", "reasoning_tokens"],
        [Fact.OutputAudio] = ["completion_tokens_details.audio_tokens"],
        [Fact.OutputImage] = ["completion_tokens_details.image_tokens"],
        [Fact.Added] = ["citation_tokens"],
        [Fact.Searches] = ["num_search_queries"],
        [Fact.Seconds] = ["seconds"],
    };

    private static readonly Dictionary<Fact, string[]> Messages = new()
    {
        [Fact.Prompt] = ["input_tokens"],
        [Fact.Output] = ["output_tokens"],
        [Fact.Cached] = ["cache_read_input_tokens"],
        [Fact.Written] = ["cache_creation_input_tokens"],
        [Fact.Written5m] = ["cache_creation.ephemeral_5m_input_tokens"],
        [Fact.Written1h] = ["cache_creation.ephemeral_1h_input_tokens"],
        [Fact.Searches] = ["server_tool_use.web_search_requests"],
    };

    private static readonly Dictionary<Fact, string[]> Converse = new()
    {
        [Fact.Prompt] = ["inputTokens"],
        [Fact.Output] = ["outputTokens"],
        [Fact.Total] = ["totalTokens"],
        [Fact.Cached] = ["cacheReadInputTokens", "cacheReadInputTokenCount"],
        [Fact.Written] = ["cacheWriteInputTokens", "cacheWriteInputTokenCount"],
        [Fact.Written5m] = ["cacheDetails[5m]"],
        [Fact.Written1h] = ["cacheDetails[1h]"],
        [Fact.Searches] = ["serverToolUsage.webSearchRequests"],
    };

    public static IReadOnlyList<ReportGrammar> All { get; } =
    [
        new("openAi", IncludesCache: true, IncludesReasoning: true, Chat),
        new("openAiResponses", IncludesCache: true, IncludesReasoning: true, Responses()),
        new("compatible", IncludesCache: true, IncludesReasoning: true, Compatible()),
        new("anthropic", IncludesCache: false, IncludesReasoning: true, Messages),
        new("gemini", IncludesCache: true, IncludesReasoning: false, Gemini()),
        new("bedrock", IncludesCache: false, IncludesReasoning: true, Converse),
        new("bedrockInvoke", IncludesCache: false, IncludesReasoning: true, Invoke()),
    ];

    /// <summary>Bodies of models that Bedrock serves, whose report is below "usage".</summary>
    public static IReadOnlyList<ReportGrammar> OfInvoked { get; } =
    [
        new("usage", IncludesCache: false, IncludesReasoning: true, Messages),
        new("usage", IncludesCache: false, IncludesReasoning: true, Converse),
        new("usage", IncludesCache: true, IncludesReasoning: true, Chat),
    ];

    /// <summary>Counts at random: of facts that are not there the report says nothing, null or zero.</summary>
    public Dictionary<Fact, long> Count(Random random)
    {
        var counts = new Dictionary<Fact, long>();
        // Some reports count little, so that nothing else hides what they count.
        int oneOf = random.Next(2) == 0 ? 2 : 8;
        foreach (Fact fact in Paths.Keys)
        {
            if (random.Next(oneOf) == 0) counts[fact] = random.NextInt64(1, 1L << random.Next(1, 25));
        }

        return counts;
    }

    /// <summary>Writes a report of these counts.</summary>
    public JsonObject Write(Random random, IReadOnlyDictionary<Fact, long> counts)
    {
        JsonObject report = new();
        foreach ((Fact fact, string[] paths) in Paths)
        {
            string path = paths[random.Next(paths.Length)];
            if (counts.TryGetValue(fact, out long count)) Put(random, report, path, Number(random, count));
            else if (random.Next(3) == 0) Put(random, report, path, random.Next(2) == 0 ? null : Number(random, 0));
        }

        return report;
    }

    private static JsonNode Number(Random random, long count) =>
        random.Next(6) == 0 ? count.ToString(CultureInfo.InvariantCulture) : count;

    private static void Put(Random random, JsonObject report, string path, JsonNode? value)
    {
        string[] steps = path.Split('.');
        JsonObject group = report;
        foreach (string step in steps[..^1])
        {
            if (group[step] is not JsonObject below) group[step] = below = new JsonObject();
            group = below;
        }

        string key = steps[^1];
        int bracket = key.IndexOf('[', StringComparison.Ordinal);
        if (bracket < 0)
        {
            group[key] = value;
            return;
        }

        string kind = key[(bracket + 1)..^1];
        string list = key[..bracket];
        if (group[list] is not JsonArray entries) group[list] = entries = new JsonArray();
        bool isByTime = kind.EndsWith('m') || kind.EndsWith('h');
        entries.Add(new JsonObject
        {
            [isByTime ? "ttl" : "modality"] = kind,
            [isByTime ? "inputTokens" : "tokenCount"] = value,
        });
        // What is text is in the whole already.
        if (!isByTime && random.Next(3) == 0)
            entries.Add(new JsonObject { ["modality"] = "TEXT", ["tokenCount"] = random.Next(1000) });
    }

    private static Dictionary<Fact, string[]> Responses() => Renamed(Chat, path => path
        .Replace("prompt_tokens_details", "input_tokens_details", StringComparison.Ordinal)
        .Replace("completion_tokens_details", "output_token_details", StringComparison.Ordinal)
        .Replace("prompt_tokens", "input_tokens", StringComparison.Ordinal)
        .Replace("completion_tokens", "output_tokens", StringComparison.Ordinal));

    // As servers write them that have camel case for all keys, or names of their own.
    private static Dictionary<Fact, string[]> Compatible()
    {
        Dictionary<Fact, string[]> paths = Renamed(Chat, path => string.Join('.', path.Split('.').Select(Camel)));
        paths[Fact.Prompt] = ["promptTokens", "prompt_eval_count", "billed_units.input_tokens", "tokens_evaluated"];
        paths[Fact.Output] = ["completionTokens", "eval_count", "billed_units.output_tokens", "generated_token_count"];
        paths[Fact.UsedPrompt] = ["tokens.input_tokens"];
        paths[Fact.UsedOutput] = ["tokens.output_tokens"];
        return paths;
    }

    private static Dictionary<Fact, string[]> Gemini() => new()
    {
        [Fact.Prompt] = ["promptTokenCount"],
        [Fact.Output] = ["candidatesTokenCount", "responseTokenCount"],
        [Fact.Total] = ["totalTokenCount"],
        [Fact.Cached] = ["cachedContentTokenCount"],
        [Fact.Reasoning] = ["thoughtsTokenCount"],
        [Fact.Added] = ["toolUsePromptTokenCount"],
        [Fact.Audio] = ["promptTokensDetails[AUDIO]"],
        [Fact.Image] = ["promptTokensDetails[IMAGE]"],
        [Fact.CachedAudio] = ["cacheTokensDetails[AUDIO]"],
        [Fact.CachedImage] = ["cacheTokensDetails[IMAGE]"],
        [Fact.AddedAudio] = ["toolUsePromptTokensDetails[AUDIO]"],
        [Fact.AddedImage] = ["toolUsePromptTokensDetails[IMAGE]"],
        [Fact.OutputAudio] = ["candidatesTokensDetails[AUDIO]", "responseTokensDetails[AUDIO]"],
        [Fact.OutputImage] = ["candidatesTokensDetails[IMAGE]", "responseTokensDetails[IMAGE]"],
    };

    private static Dictionary<Fact, string[]> Invoke() => new()
    {
        [Fact.Prompt] =
        [
            "inputTokenCount", "inputTextTokenCount", "prompt_token_count", "x-amzn-bedrock-input-token-count",
            "amazon-bedrock-invocationMetrics.inputTokenCount",
        ],
        [Fact.Output] =
        [
            "outputTokenCount", "generation_token_count", "x-amzn-bedrock-output-token-count",
            "amazon-bedrock-invocationMetrics.outputTokenCount",
        ],
        [Fact.Cached] = ["cacheReadInputTokenCount", "x-amzn-bedrock-cache-read-input-token-count"],
        [Fact.Written] =
            ["cacheWriteInputTokenCount", "amazon-bedrock-invocationMetrics.cacheWriteInputTokenCount"],
    };

    private static Dictionary<Fact, string[]> Renamed(
        Dictionary<Fact, string[]> paths, Func<string, string> rename) =>
        paths.ToDictionary(fact => fact.Key, fact => fact.Value.Select(rename).ToArray());

    private static string Camel(string key) => string.Concat(
        key.Split('_').Select((word, place) => place == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..]));
}
