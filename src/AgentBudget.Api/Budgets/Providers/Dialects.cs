using Google.Protobuf.WellKnownTypes;
using static AgentBudget.Api.Budgets.Providers.UsageField;

namespace AgentBudget.Api.Budgets.Providers;

/// <summary>The tables of all dialects. What they mean is documented at the fields of ProviderUsage.</summary>
internal static class Dialects
{
    private static readonly (string, UsageField)[] Common =
    [
        ("service_tier", ServiceTier), ("model", Model), ("cost", Cost), ("cost.total_cost", Cost),
        ("is_byok", OwnKey),
    ];

    // Chat Completions, Responses and Realtime differ in the names of their wholes only.
    private static readonly (string, UsageField)[] OpenAiKeys =
    [
        ("prompt_tokens", Prompt), ("input_tokens", Prompt), ("completion_tokens", Output), ("output_tokens", Output),
        ("total_tokens", Total),
        .. PromptParts("prompt_tokens_details"), .. PromptParts("input_tokens_details"),
        .. PromptParts("prompt_token_details"), .. PromptParts("input_token_details"),
        .. OutputParts("completion_tokens_details"), .. OutputParts("output_tokens_details"),
        .. OutputParts("completion_token_details"), .. OutputParts("output_token_details"),
        ("prompt_cache_hit_tokens", Cached), ("prompt_cache_miss_tokens", Ignored), ("cached_tokens", Cached),
        ("cache_read_input_tokens", Cached), ("cache_creation_input_tokens", CacheWrite),
        ("reasoning_tokens", Reasoning), ("citation_tokens", Added), ("num_search_queries", WebSearches),
        ("seconds", Seconds), ("prompt_audio_seconds", InputAudioSeconds), ("pages_processed", Pages),
        ("search_context_size", Ignored), ("cost_details", Ignored), ("type", Ignored), ("doc_size_bytes", Ignored),
        ("queue_time", Ignored), ("prompt_time", Ignored), ("completion_time", Ignored), ("total_time", Ignored),
    ];

    private static readonly (string, UsageField)[] CohereKeys =
    [
        ("billed_units.input_tokens", Prompt), ("billed_units.output_tokens", Output),
        ("billed_units.search_units", Queries), ("billed_units.images", InputImages),
        ("tokens.input_tokens", UnbilledPrompt), ("tokens.output_tokens", UnbilledOutput),
    ];

    // Servers of one's own: Ollama, llama.cpp, and those that count as Bedrock's models do.
    private static readonly (string, UsageField)[] ServerKeys =
    [
        ("prompt_eval_count", Prompt), ("eval_count", Output), ("tokens_evaluated", Prompt),
        ("tokens_predicted", Output), ("input_token_count", Prompt), ("output_token_count", Output),
        ("generated_token_count", Output),
    ];

    private static readonly (string, UsageField)[] AnthropicKeys =
    [
        ("input_tokens", Prompt), ("output_tokens", Output), ("cache_read_input_tokens", Cached),
        ("cache_creation_input_tokens", CacheWrite),
        ("cache_creation.ephemeral_5m_input_tokens", CacheWrite5m),
        ("cache_creation.ephemeral_1h_input_tokens", CacheWrite1h),
        ("server_tool_use", ServerTools), ("iterations", Iterations), ("inference_geo", Region),
        ("speed", Speed), ("type", Ignored), ("output_tokens_details.thinking_tokens", Ignored),
    ];

    private static readonly (string, UsageField)[] GeminiKeys =
    [
        ("prompt_token_count", Prompt), ("cached_content_token_count", Cached), ("candidates_token_count", Output),
        ("response_token_count", Output), ("thoughts_token_count", Reasoning), ("tool_use_prompt_token_count", Added),
        ("total_token_count", Total), ("prompt_tokens_details", PromptModalities),
        ("cache_tokens_details", CachedModalities), ("candidates_tokens_details", OutputModalities),
        ("response_tokens_details", OutputModalities), ("tool_use_prompt_tokens_details", AddedModalities),
        ("traffic_type", ServiceTier),
    ];

    private static readonly (string, UsageField)[] BedrockKeys =
    [
        ("input_tokens", Prompt), ("output_tokens", Output), ("total_tokens", Total),
        ("cache_read_input_tokens", Cached), ("cache_read_input_token_count", Cached),
        ("cache_write_input_tokens", CacheWrite), ("cache_write_input_token_count", CacheWrite),
        ("cache_details", CacheDetails), ("server_tool_usage", ServerTools),
    ];

    private static readonly (string, UsageField)[] InvokeKeys =
    [
        .. Metrics(""), .. Metrics("amazon-bedrock-invocationMetrics."), .. Metrics("x-amzn-bedrock-"),
        ("input_text_token_count", Prompt), ("prompt_token_count", Prompt), ("generation_token_count", Output),
        ("results", Results), ("x-amzn-bedrock-invocation-latency", Ignored), ("stop_reason", Ignored),
    ];

    public static readonly Dialect OpenAi =
        new("open_ai", includesCache: true, includesReasoning: true, Common, OpenAiKeys);

    public static readonly Dialect OpenAiResponses =
        new("open_ai_responses", includesCache: true, includesReasoning: true, Common, OpenAiKeys);

    public static readonly Dialect Compatible =
        new("compatible", includesCache: true, includesReasoning: true, Common, OpenAiKeys, CohereKeys, ServerKeys);

    public static readonly Dialect Anthropic =
        new("anthropic", includesCache: false, includesReasoning: true, Common, AnthropicKeys);

    public static readonly Dialect Gemini =
        new("gemini", includesCache: true, includesReasoning: false, Common, GeminiKeys);

    public static readonly Dialect Bedrock =
        new("bedrock", includesCache: false, includesReasoning: true, Common, BedrockKeys);

    public static readonly Dialect BedrockInvoke =
        new("bedrock_invoke", includesCache: false, includesReasoning: true, Common, InvokeKeys);

    // Below "usage" the bodies of Bedrock's models have the report of whoever made the model.
    private static readonly Dialect InvokeUsage = new(
        "bedrock_invoke", includesCache: false, includesReasoning: true,
        Common, InvokeKeys, BedrockKeys, AnthropicKeys);

    private static readonly Dialect InvokeCompatible = new(
        "bedrock_invoke", includesCache: true, includesReasoning: true, Common, OpenAiKeys, CohereKeys);

    public static readonly IReadOnlyList<Dialect> All =
        [OpenAi, OpenAiResponses, Compatible, Anthropic, Gemini, Bedrock, BedrockInvoke];

    /// <summary>How a report is counted that stands within the body of one of Bedrock's models.</summary>
    public static Dialect OfInvoked(Struct usage) =>
        usage.Fields.Keys.Select(Dialect.Plain).Any(key =>
            key.StartsWith("prompttokens", StringComparison.Ordinal)
            || key.StartsWith("completiontokens", StringComparison.Ordinal))
            ? InvokeCompatible
            : InvokeUsage;

    private static (string, UsageField)[] PromptParts(string group) =>
    [
        ($"{group}.cached_tokens", Cached), ($"{group}.cache_write_tokens", CacheWrite),
        ($"{group}.cache_creation_tokens", CacheWrite), ($"{group}.audio_tokens", PromptAudio),
        ($"{group}.image_tokens", PromptImage), ($"{group}.text_tokens", Ignored), ($"{group}.video_tokens", Ignored),
        ($"{group}.cached_tokens_details.audio_tokens", CachedAudio),
        ($"{group}.cached_tokens_details.image_tokens", CachedImage),
        ($"{group}.cached_tokens_details.text_tokens", Ignored),
    ];

    private static (string, UsageField)[] OutputParts(string group) =>
    [
        ($"{group}.reasoning_tokens", Reasoning), ($"{group}.audio_tokens", OutputAudio),
        ($"{group}.image_tokens", OutputImage), ($"{group}.text_tokens", Ignored),
        ($"{group}.accepted_prediction_tokens", Ignored), ($"{group}.rejected_prediction_tokens", Ignored),
    ];

    private static (string, UsageField)[] Metrics(string prefix) =>
    [
        ($"{prefix}input_token_count", Prompt), ($"{prefix}output_token_count", Output),
        ($"{prefix}cache_read_input_token_count", Cached), ($"{prefix}cache_write_input_token_count", CacheWrite),
        ($"{prefix}invocation_latency", Ignored), ($"{prefix}first_byte_latency", Ignored),
    ];
}
