using AgentBudget.Api.Budgets.Providers;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;

namespace AgentBudget.Api.Tests.Budgets;

/// <summary>Reports as the providers write them, and the disjoint buckets that they come to.</summary>
public sealed class UsageReportTests
{
    [Fact]
    public void Openais_totals_include_cached_tokens_audio_and_reasoning() =>
        Assert.Equal(
            new TokenUsage
            {
                InputTokens = 700,
                CacheReadTokens = 1200,
                InputAudioTokens = 106,
                OutputTokens = 130,
                ReasoningTokens = 150,
                OutputAudioTokens = 20,
            },
            Read("""
                {"openAi": {
                    "prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
                    "prompt_tokens_details": {"cached_tokens": 1200, "audio_tokens": 106},
                    "completion_tokens_details": {"reasoning_tokens": 150, "audio_tokens": 20,
                        "accepted_prediction_tokens": 11, "rejected_prediction_tokens": 7}}}
                """));

    [Fact]
    public void Of_openais_cached_tokens_only_so_many_were_audio_as_must_have_been() =>
        Assert.Equal(
            new TokenUsage { CacheReadTokens = 900, InputAudioTokens = 100 },
            Read("""
                {"openAi": {"prompt_tokens": 1000,
                    "prompt_tokens_details": {"cached_tokens": 900, "audio_tokens": 500}}}
                """));

    [Fact]
    public void Openais_responses_count_like_its_completions_under_other_names() =>
        Assert.Equal(
            new TokenUsage { InputTokens = 328, CacheReadTokens = 1000, OutputTokens = 52, ReasoningTokens = 448 },
            Read("""
                {"openAiResponses": {
                    "input_tokens": 1328, "input_tokens_details": {"cached_tokens": 1000},
                    "output_tokens": 500, "output_tokens_details": {"reasoning_tokens": 448},
                    "total_tokens": 1828}}
                """));

    [Fact]
    public void Anthropics_input_tokens_exclude_cached_ones() =>
        Assert.Equal(
            new TokenUsage
            {
                InputTokens = 2048,
                CacheReadTokens = 1800,
                CacheWrite5MTokens = 148,
                CacheWrite1HTokens = 100,
                OutputTokens = 503,
                Items = { new CountedItem { Sku = "web_search", Count = 3 } },
            },
            Read("""
                {"anthropic": {
                    "input_tokens": 2048, "cache_read_input_tokens": 1800, "cache_creation_input_tokens": 248,
                    "cache_creation": {"ephemeral_5m_input_tokens": 148, "ephemeral_1h_input_tokens": 100},
                    "output_tokens": 503,
                    "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 2}}}
                """));

    [Fact]
    public void What_anthropic_wrote_to_a_cache_lives_five_minutes_where_it_does_not_say() =>
        Assert.Equal(
            new TokenUsage { InputTokens = 5, CacheWrite5MTokens = 248, OutputTokens = 9 },
            Read("""
                {"anthropic": {"input_tokens": 5, "cache_creation_input_tokens": 248, "output_tokens": 9,
                    "server_tool_use": {}}}
                """));

    [Fact]
    public void Geminis_prompt_includes_cached_tokens_and_its_thoughts_are_apart_from_candidates() =>
        Assert.Equal(
            new TokenUsage { InputTokens = 300, CacheReadTokens = 700, OutputTokens = 45, ReasoningTokens = 31 },
            Read("""
                {"gemini": {
                    "promptTokenCount": 1000, "cachedContentTokenCount": 700,
                    "candidatesTokenCount": 45, "thoughtsTokenCount": 31, "totalTokenCount": 1076}}
                """));

    [Fact]
    public void What_geminis_tools_put_into_the_prompt_is_input_beside_it() =>
        Assert.Equal(
            new TokenUsage
            {
                InputTokens = 27 + 10_000,
                InputAudioTokens = 300,
                InputImageTokens = 9,
                OutputTokens = 45,
                ReasoningTokens = 31,
            },
            Read("""
                {"gemini": {
                    "promptTokenCount": 27, "toolUsePromptTokenCount": 10309, "candidatesTokenCount": 45,
                    "thoughtsTokenCount": 31, "totalTokenCount": 10412,
                    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 27}],
                    "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 10000},
                        {"modality": "AUDIO", "tokenCount": 300}, {"modality": "IMAGE", "tokenCount": 9}]}}
                """));

    [Fact]
    public void Geminis_modalities_are_apart_as_far_as_they_were_not_cached() =>
        Assert.Equal(
            new TokenUsage
            {
                InputTokens = 100 + 40 + 7,
                CacheReadTokens = 300,
                CacheReadAudioTokens = 300,
                InputAudioTokens = 200,
                InputImageTokens = 53,
                OutputTokens = 20,
                OutputAudioTokens = 80,
            },
            Read("""
                {"gemini": {
                    "promptTokenCount": 1000, "cachedContentTokenCount": 600, "candidatesTokenCount": 100,
                    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 200},
                        {"modality": "AUDIO", "tokenCount": 500}, {"modality": "IMAGE", "tokenCount": 253},
                        {"modality": "VIDEO", "tokenCount": 40}, {"modality": "DOCUMENT", "tokenCount": 7}],
                    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 100},
                        {"modality": "AUDIO", "tokenCount": 300}, {"modality": "IMAGE", "tokenCount": 200}],
                    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 20},
                        {"modality": "AUDIO", "tokenCount": 80}]}}
                """));

    [Fact]
    public void Where_gemini_does_not_say_what_was_cached_it_was_text_then_images_then_audio() =>
        Assert.Equal(
            new TokenUsage { CacheReadTokens = 700, InputAudioTokens = 200, InputImageTokens = 100 },
            Read("""
                {"gemini": {
                    "promptTokenCount": 1000, "cachedContentTokenCount": 700,
                    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 500},
                        {"modality": "AUDIO", "tokenCount": 200}, {"modality": "IMAGE", "tokenCount": 300}]}}
                """));

    [Fact]
    public void Items_that_a_report_does_not_tell_are_added_to_it() =>
        Assert.Equal(
            new TokenUsage
            {
                OutputTokens = 1,
                Items =
                {
                    new CountedItem { Sku = "web_search", Count = 2 }, new CountedItem { Sku = "code.run", Count = 1 },
                },
            },
            Read("""
                {"anthropic": {"output_tokens": 1, "server_tool_use": {"web_search_requests": 2}},
                    "items": [{"sku": "code.run", "count": 1}]}
                """));

    [Theory]
    [InlineData("{}", "provider_usage")]
    [InlineData("""{"openAi": {"promptTokens": -1}}""", "open_ai.prompt_tokens")]
    [InlineData("""{"openAi": {"promptTokens": 1.5}}""", "open_ai.prompt_tokens")]
    [InlineData("""{"openAi": {"completionTokens": 1000000000001}}""", "open_ai.completion_tokens")]
    [InlineData(
        """{"openAi": {"promptTokens": "9223372036854775807", "completionTokens": 1}}""",
        "open_ai.prompt_tokens")]
    [InlineData(
        """{"openAi": {"promptTokens": 5, "promptTokensDetails": {"cachedTokens": -1}}}""",
        "open_ai.prompt_tokens_details.cached_tokens")]
    [InlineData(
        """{"openAi": {"completionTokensDetails": {"audioTokens": -1}}}""",
        "open_ai.completion_tokens_details.audio_tokens")]
    [InlineData("""{"openAiResponses": {"inputTokens": -1}}""", "open_ai_responses.input_tokens")]
    [InlineData("""{"openAiResponses": {"outputTokens": -1}}""", "open_ai_responses.output_tokens")]
    [InlineData("""{"openAiResponses": {"totalTokens": -1}}""", "open_ai_responses.total_tokens")]
    [InlineData("""{"anthropic": {"inputTokens": -1}}""", "anthropic.input_tokens")]
    [InlineData("""{"anthropic": {"outputTokens": -1}}""", "anthropic.output_tokens")]
    [InlineData("""{"anthropic": {"cacheReadInputTokens": -1}}""", "anthropic.cache_read_input_tokens")]
    [InlineData("""{"anthropic": {"cacheCreationInputTokens": -1}}""", "anthropic.cache_creation_input_tokens")]
    [InlineData(
        """{"anthropic": {"cacheCreation": {"ephemeral5mInputTokens": -1}}}""",
        "anthropic.cache_creation.ephemeral_5m_input_tokens")]
    [InlineData(
        """{"anthropic": {"cacheCreation": {"ephemeral1hInputTokens": -1}}}""",
        "anthropic.cache_creation.ephemeral_1h_input_tokens")]
    [InlineData("""{"anthropic": {"iterations": [{"output_tokens": -1}]}}""", "anthropic.output_tokens")]
    [InlineData(
        """{"anthropic": {"serverToolUse": {"webSearchRequests": -1}}}""",
        "anthropic.server_tool_use.web_search_requests")]
    [InlineData(
        """{"anthropic": {"serverToolUse": {"webFetchRequests": -1}}}""",
        "anthropic.server_tool_use.web_fetch_requests")]
    [InlineData(
        """{"anthropic": {"serverToolUse": {"webSearchRequests": 1}}, "items": [{"sku": "web_search", "count": 1}]}""",
        "items")]
    [InlineData("""{"gemini": {"promptTokenCount": -1}}""", "gemini.prompt_token_count")]
    [InlineData("""{"gemini": {"candidatesTokenCount": -1}}""", "gemini.candidates_token_count")]
    [InlineData("""{"gemini": {"thoughtsTokenCount": -1}}""", "gemini.thoughts_token_count")]
    [InlineData("""{"gemini": {"toolUsePromptTokenCount": -1}}""", "gemini.tool_use_prompt_token_count")]
    [InlineData(
        """{"gemini": {"promptTokenCount": 1000000000000, "toolUsePromptTokenCount": 1}}""", "provider_usage")]
    [InlineData(
        """{"gemini": {"candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": -1}]}}""",
        "gemini.candidates_tokens_details[0].token_count")]
    [InlineData("""{"bedrock": {"inputTokens": -1}}""", "bedrock.input_tokens")]
    [InlineData(
        """{"bedrock": {"cacheDetails": [{"ttl": "1h", "inputTokens": -1}]}}""",
        "bedrock.cache_details[0].input_tokens")]
    public void A_count_that_is_none_names_the_field(string report, string field)
    {
        string expected = field == "provider_usage" ? field : "provider_usage." + field;

        Assert.Contains(expected, FaultsOf(report));
    }

    // The call was made: a part above its whole is beside it, a total above its parts is output, one below them is not
    // looked at.
    [Theory]
    [InlineData("""{"openAi": {"promptTokens": 5, "totalTokens": 6}}""", "{'inputTokens': 5, 'outputTokens': 1}")]
    [InlineData(
        """{"openAi": {"promptTokens": 5, "promptTokensDetails": {"cachedTokens": 6}}}""",
        "{'inputTokens': 5, 'cacheReadTokens': 6}")]
    [InlineData(
        """{"openAi": {"promptTokens": 5, "promptTokensDetails": {"audioTokens": 6}}}""",
        "{'inputTokens': 5, 'inputAudioTokens': 6}")]
    [InlineData(
        """{"openAi": {"completionTokens": 5, "completionTokensDetails": {"reasoningTokens": 6}}}""",
        "{'outputTokens': 5, 'reasoningTokens': 6}")]
    [InlineData(
        """{"openAi": {"completionTokens": 5, "completionTokensDetails": {"reasoningTokens": 3, "audioTokens": 3}}}""",
        "{'outputTokens': 2, 'reasoningTokens': 3, 'outputAudioTokens': 3}")]
    [InlineData(
        """{"openAi": {"completionTokens": 5, "completionTokensDetails": {"acceptedPredictionTokens": 6}}}""",
        "{'outputTokens': 5}")]
    [InlineData(
        """{"openAiResponses": {"inputTokens": 5, "outputTokens": 5, "totalTokens": 9}}""",
        "{'inputTokens': 5, 'outputTokens': 5}")]
    [InlineData(
        """{"anthropic": {"cacheCreationInputTokens": 5, "cacheCreation": {"ephemeral5mInputTokens": 4}}}""",
        "{'cacheWrite5mTokens': 5}")]
    [InlineData(
        """{"anthropic": {"cacheCreationInputTokens": 5, "cacheCreation": {"ephemeral1hInputTokens": 4}}}""",
        "{'cacheWrite5mTokens': 1, 'cacheWrite1hTokens': 4}")]
    [InlineData(
        """{"gemini": {"promptTokenCount": 5, "cachedContentTokenCount": 6}}""",
        "{'inputTokens': 5, 'cacheReadTokens': 6}")]
    [InlineData(
        """{"gemini": {"promptTokenCount": 5, "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 6}]}}""",
        "{'inputTokens': 5, 'inputAudioTokens': 6}")]
    [InlineData(
        """{"gemini": {"toolUsePromptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}]}}""",
        "{'inputAudioTokens': 1}")]
    [InlineData(
        """
        {"gemini": {"promptTokenCount": 5, "candidatesTokenCount": 5, "thoughtsTokenCount": 1,
            "totalTokenCount": 10}}
        """,
        "{'inputTokens': 5, 'outputTokens': 5, 'reasoningTokens': 1}")]
    public void A_report_that_contradicts_itself_is_charged_for_all_that_it_counts(string report, string usage) =>
        Assert.Equal(
            JsonParser.Default.Parse<TokenUsage>(usage.Replace("'", "\"", StringComparison.Ordinal)), Read(report));

    private static TokenUsage Read(string report) => Normalise(report).Request.Usage;

    private static (CommitTokensRequest Request, UsageReading Reading) Normalise(string report)
    {
        FieldFaults faults = default;
        var request = new CommitTokensRequest { ProviderUsage = JsonParser.Default.Parse<ProviderUsage>(report) };
        UsageReading reading = UsageReports.Normalise(request, ref faults);
        faults.ThrowIfAny();
        return (request, reading);
    }

    private static IEnumerable<string> FaultsOf(string report)
    {
        try
        {
            Read(report);
            return [];
        }
        catch (RpcException refused)
        {
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            return refused.GetRpcStatus()!.Details
                .Single(detail => detail.Is(BadRequest.Descriptor)).Unpack<BadRequest>()
                .FieldViolations.Select(violation => violation.Field);
        }
    }
}
