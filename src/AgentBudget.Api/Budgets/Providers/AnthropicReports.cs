using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets.Providers;

/// <summary>Anthropic's counts of the prompt are disjoint as they are: input_tokens excludes what was cached.</summary>
internal static class AnthropicReports
{
    private const string Prefix = "provider_usage.anthropic.";

    internal static TokenUsage Read(AnthropicUsage report, ref FieldFaults faults)
    {
        FieldChecks.Count(ref faults, Prefix + "input_tokens", report.InputTokens);
        FieldChecks.Count(ref faults, Prefix + "output_tokens", report.OutputTokens);
        FieldChecks.Count(ref faults, Prefix + "cache_read_input_tokens", report.CacheReadInputTokens);
        FieldChecks.Count(ref faults, Prefix + "cache_creation_input_tokens", report.CacheCreationInputTokens);
        var usage = new TokenUsage
        {
            InputTokens = report.InputTokens,
            CacheReadTokens = report.CacheReadInputTokens,
            // Where it is not told how long a cache lives, it is the ordinary one.
            CacheWrite5MTokens = report.CacheCreationInputTokens,
            OutputTokens = report.OutputTokens,
        };
        if (report.CacheCreation is { } creation)
        {
            Check(report, creation, ref faults);
            usage.CacheWrite5MTokens = creation.Ephemeral5MInputTokens;
            usage.CacheWrite1HTokens = creation.Ephemeral1HInputTokens;
        }

        if (report.ServerToolUse is { } tools)
        {
            FieldChecks.Count(ref faults, Prefix + "server_tool_use.web_search_requests", tools.WebSearchRequests);
            FieldChecks.Count(ref faults, Prefix + "server_tool_use.web_fetch_requests", tools.WebFetchRequests);
            if (tools.WebSearchRequests > 0)
            {
                usage.Items.Add(
                    new CountedItem { Sku = UsageReports.WebSearchSku, Count = tools.WebSearchRequests });
            }
        }

        return usage;
    }

    private static void Check(AnthropicUsage report, AnthropicCacheCreation creation, ref FieldFaults faults)
    {
        const string parts = Prefix + "cache_creation.";
        FieldChecks.Count(ref faults, parts + "ephemeral_5m_input_tokens", creation.Ephemeral5MInputTokens);
        FieldChecks.Count(ref faults, parts + "ephemeral_1h_input_tokens", creation.Ephemeral1HInputTokens);
        UsageReports.Total(
            ref faults,
            Prefix + "cache_creation_input_tokens",
            report.CacheCreationInputTokens,
            "cache_creation",
            creation.Ephemeral5MInputTokens + creation.Ephemeral1HInputTokens);
    }
}
