using AgentBudget.Api.Budgets.Providers;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Api.Tests.Budgets;

/// <summary>Reports as users sent them, and what is left out, added up or read beside their counts.</summary>
public sealed class ProviderReportTests
{
    [Fact]
    public void A_key_that_is_not_known_never_refuses_a_report_and_is_named()
    {
        (CommitTokensRequest request, UsageReading reading) = Read("""
            {"anthropic": {"input_tokens": 2743, "output_tokens": 4, "inference_geo": "not_available",
                "new_thing": 7, "cache_creation": {"ephemeral_9d_input_tokens": 1}, "nothing": null}}
            """);

        Assert.Equal(new TokenUsage { InputTokens = 2743, OutputTokens = 4 }, request.Usage);
        Assert.Equal(["cache_creation.ephemeral_9d_input_tokens", "new_thing"], reading.Unread.Order());
        Assert.Equal("", reading.Region);
    }

    [Fact]
    public void A_key_that_is_not_seen_as_it_is_read_is_named_by_its_characters()
    {
        (_, UsageReading reading) = Read("""
            {"anthropic": {"input_tokens": 1, "\u001b[2J\u202ereversed": 1}}
            """);

        Assert.Equal([@"\u{001B}[2J\u{202E}reversed"], reading.Unread);
    }

    [Fact]
    public void Written_tokens_are_inside_openais_input_beside_the_read_ones()
    {
        (CommitTokensRequest request, UsageReading reading) = Read("""
            {"openAiResponses": {"input_tokens": 18014,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 18011},
                "output_tokens": 0, "total_tokens": 18014}}
            """);

        Assert.Equal(new TokenUsage { InputTokens = 3, CacheWrite5MTokens = 18_011 }, request.Usage);
        Assert.Empty(reading.Unread);
    }

    [Fact]
    public void Iterations_stand_in_place_of_the_counts_beside_them()
    {
        (CommitTokensRequest request, UsageReading reading) = Read("""
            {"anthropic": {"input_tokens": 23000, "output_tokens": 1000, "iterations": [
                {"type": "compaction", "input_tokens": 180000, "output_tokens": 3500},
                {"type": "message", "input_tokens": 23000, "output_tokens": 1000,
                    "cache_creation": {"ephemeral_1h_input_tokens": 7}, "model": "claude-sonnet-4-5"}]}}
            """);

        Assert.Equal(new TokenUsage(), request.Usage);
        Assert.Equal(["", "claude-sonnet-4-5"], request.Parts.Select(part => part.Model));
        Assert.Equal([180_000, 23_000], request.Parts.Select(part => part.Usage.InputTokens));
        Assert.Equal(7, request.Parts[1].Usage.CacheWrite1HTokens);
        Assert.Empty(reading.Unread);
        Assert.Equal(0, reading.UnaccountedTokens);
    }

    [Fact]
    public void Counts_above_all_iterations_are_charged_as_output_and_counted()
    {
        (CommitTokensRequest request, UsageReading reading) = Read("""
            {"anthropic": {"input_tokens": 100, "output_tokens": 10, "iterations": [{"input_tokens": 60}, {}]}}
            """);

        Assert.Equal((50, 50), (request.Usage.OutputTokens, reading.UnaccountedTokens));
        Assert.Equal(60, Assert.Single(request.Parts).Usage.InputTokens);
    }

    [Theory]
    [InlineData("""{"anthropic": {"input_tokens": 5, "iterations": []}}""")]
    [InlineData("""{"anthropic": {"input_tokens": 5, "iterations": null}}""")]
    [InlineData("""{"anthropic": {"input_tokens": 5, "iterations": [{"input_tokens": 0}]}}""")]
    public void Without_iterations_that_count_the_report_counts_itself(string report)
    {
        (CommitTokensRequest request, _) = Read(report);

        Assert.Equal(5, request.Usage.InputTokens);
        Assert.Empty(request.Parts);
    }

    [Fact]
    public void Converse_counts_caches_beside_the_input()
    {
        (CommitTokensRequest request, UsageReading reading) = Read("""
            {"bedrock": {"inputTokens": 10, "outputTokens": 20, "totalTokens": 430, "cacheReadInputTokens": 100,
                "cacheWriteInputTokens": 300,
                "cacheDetails": [{"inputTokens": 200, "ttl": "5m"}, {"inputTokens": 100, "ttl": "1h"}]}}
            """);

        Assert.Equal(
            new TokenUsage
            {
                InputTokens = 10,
                OutputTokens = 20,
                CacheReadTokens = 100,
                CacheWrite5MTokens = 200,
                CacheWrite1HTokens = 100,
            },
            request.Usage);
        Assert.Equal(0, reading.UnaccountedTokens);
    }

    [Theory]
    [InlineData("""{"inputTokenCount": 7, "outputTokenCount": 9, "invocationLatency": 800, "firstByteLatency": 3}""")]
    [InlineData("""{"amazon-bedrock-invocationMetrics": {"inputTokenCount": 7, "outputTokenCount": 9}}""")]
    [InlineData("""{"x-amzn-bedrock-input-token-count": "7", "x-amzn-bedrock-output-token-count": "9"}""")]
    [InlineData("""{"inputTextTokenCount": 7, "results": [{"tokenCount": 4}, {"tokenCount": 5, "text": "a"}]}""")]
    [InlineData("""{"prompt_token_count": 7, "generation_token_count": 9, "stop_reason": "stop"}""")]
    [InlineData("""{"usage": {"input_tokens": 7, "output_tokens": 9}}""")]
    public void What_invoke_model_reports_is_read_in_each_of_its_forms(string report)
    {
        (CommitTokensRequest request, UsageReading reading) = Read($$"""{"bedrockInvoke": {{report}}}""");

        Assert.Equal(new TokenUsage { InputTokens = 7, OutputTokens = 9 }, request.Usage);
        Assert.Empty(reading.Unread);
    }

    [Theory]
    [InlineData(
        """
        {"prompt_tokens": 100, "prompt_cache_hit_tokens": 60, "prompt_cache_miss_tokens": 40, "completion_tokens": 9}
        """,
        "{'inputTokens': 40, 'cacheReadTokens': 60, 'outputTokens': 9}")]
    [InlineData(
        """
        {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 353,
            "completion_tokens_details": {"reasoning_tokens": 312}}
        """,
        "{'inputTokens': 32, 'outputTokens': 9, 'reasoningTokens': 312}")]
    [InlineData(
        """
        {"billed_units": {"input_tokens": 5, "output_tokens": 6}, "tokens": {"input_tokens": 71, "output_tokens": 6}}
        """,
        "{'inputTokens': 5, 'outputTokens': 6}")]
    [InlineData(
        """{"tokens": {"input_tokens": 71, "output_tokens": 6}}""", "{'inputTokens': 71, 'outputTokens': 6}")]
    [InlineData(
        """{"prompt_tokens": 33, "completion_tokens": 7, "citation_tokens": 19, "num_search_queries": 2}""",
        "{'inputTokens': 52, 'outputTokens': 7, 'items': [{'sku': 'web_search', 'count': 2}]}")]
    [InlineData("""{"input_tokens": "12", "outputTokens": "3"}""", "{'inputTokens': 12, 'outputTokens': 3}")]
    public void Compatible_servers_are_read_by_their_own_names(string report, string usage)
    {
        (CommitTokensRequest request, UsageReading reading) = Read($$"""{"compatible": {{report}}}""");

        Assert.Equal(
            JsonParser.Default.Parse<TokenUsage>(usage.Replace("'", "\"", StringComparison.Ordinal)), request.Usage);
        Assert.Empty(reading.Unread);
    }

    [Fact]
    public void Cached_audio_is_a_bucket_of_its_own()
    {
        (CommitTokensRequest request, UsageReading reading) = Read("""
            {"openAiResponses": {"input_tokens": 1300, "input_token_details": {"text_tokens": 100,
                "audio_tokens": 1200, "cached_tokens": 1000, "cached_tokens_details": {"audio_tokens": 1000}}}}
            """);

        Assert.Equal(
            new TokenUsage { InputTokens = 100, InputAudioTokens = 200, CacheReadAudioTokens = 1000 }, request.Usage);
        Assert.Empty(reading.Unread);
    }

    [Fact]
    public void Server_tools_are_counted_items_of_their_names()
    {
        (CommitTokensRequest request, UsageReading reading) = Read("""
            {"anthropic": {"input_tokens": 105, "output_tokens": 6039, "server_tool_use": {"web_search_requests": 3,
                "web_fetch_requests": 9, "code_execution_requests": 2, "tool_search_requests": 0, "odd": 1}}}
            """);

        Assert.Equal(
            [("code_execution", 2), ("web_search", 3)],
            request.Usage.Items.Select(item => (item.Sku, (int)item.Count)).Order());
        Assert.Equal(["server_tool_use.odd"], reading.Unread);
    }

    [Theory]
    [InlineData("""{"prompt_tokens": 1, "cost": 0.00014}""", 140_000L)]
    [InlineData(
        """{"prompt_tokens": 1, "cost": 12.5, "cost_details": {"upstream_inference_cost": null}}""", 12_500_000_000L)]
    [InlineData("""{"prompt_tokens": 1, "cost": {"total_cost": 0.0000000014}}""", 1L)]
    [InlineData("""{"prompt_tokens": 1, "cost": 0}""", null)]
    [InlineData("""{"prompt_tokens": 1, "cost": 3, "is_byok": true}""", null)]
    public void A_routers_cost_is_what_was_billed_in_dollars(string report, long? nanos)
    {
        (_, UsageReading reading) = Read($$"""{"openAi": {{report}}}""");

        Assert.Equal(nanos, reading.Cost is null ? null : (reading.Cost.Units * 1_000_000_000) + reading.Cost.Nanos);
    }

    [Theory]
    [InlineData("""{"anthropic": {"service_tier": "standard"}}""", ServiceTier.Standard, 0)]
    [InlineData("""{"anthropic": {"service_tier": "priority"}}""", ServiceTier.Priority, 0)]
    [InlineData("""{"anthropic": {"service_tier": "standard", "speed": "fast"}}""", ServiceTier.Priority, 0)]
    [InlineData("""{"anthropic": {"speed": "fast", "service_tier": "standard"}}""", ServiceTier.Priority, 0)]
    [InlineData("""{"anthropic": {"service_tier": "batch", "speed": "standard"}}""", ServiceTier.Batch, 0)]
    [InlineData("""{"anthropic": {"service_tier": "standard", "speed": "slow"}}""", ServiceTier.Standard, 1)]
    [InlineData("""{"openAi": {"service_tier": "ultrafast"}}""", ServiceTier.Priority, 0)]
    [InlineData("""{"openAi": {"service_tier": "default"}}""", ServiceTier.Standard, 0)]
    [InlineData("""{"openAiResponses": {"service_tier": "flex"}}""", ServiceTier.Flex, 0)]
    [InlineData("""{"openAi": {"service_tier": "auto"}}""", ServiceTier.Unspecified, 0)]
    [InlineData("""{"openAi": {"service_tier": "scale"}}""", ServiceTier.Unspecified, 1)]
    [InlineData("""{"gemini": {"trafficType": "ON_DEMAND"}}""", ServiceTier.Standard, 0)]
    [InlineData("""{"gemini": {"trafficType": "ON_DEMAND_PRIORITY"}}""", ServiceTier.Priority, 0)]
    public void The_price_list_that_served_is_read(string report, ServiceTier tier, int unread)
    {
        (_, UsageReading reading) = Read(report);

        Assert.Equal((tier, unread), (reading.ServiceTier, reading.Unread.Count));
    }

    [Fact]
    public void A_region_and_a_model_are_read_and_what_the_commit_says_wins()
    {
        const string Report = """{"anthropic": {"inference_geo": "us", "model": "claude-x", "output_tokens": 1}}""";

        (CommitTokensRequest request, UsageReading reading) = Read(Report);
        (CommitTokensRequest own, _) = Read(Report, change => change.Model = "claude-y");

        Assert.Equal(("us", "claude-x", "claude-y"), (reading.Region, request.Model, own.Model));
    }

    [Fact]
    public void At_most_32_keys_are_named()
    {
        IEnumerable<string> odd = Enumerable.Range(0, 40).Select(number => $"\"odd{number}\": {number}");

        (_, UsageReading reading) = Read($$"""{"gemini": { {{string.Join(", ", odd)}} } }""");

        Assert.Equal(32, reading.Unread.Count);
    }

    private static (CommitTokensRequest Request, UsageReading Reading) Read(
        string report, Action<CommitTokensRequest>? change = null)
    {
        FieldFaults faults = default;
        var request = new CommitTokensRequest { ProviderUsage = JsonParser.Default.Parse<ProviderUsage>(report) };
        change?.Invoke(request);
        UsageReading reading = UsageReports.Normalise(request, ref faults);
        faults.ThrowIfAny();
        return (request, reading);
    }
}
