using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets.Providers;

/// <summary>
/// Brings a provider's own usage report to disjoint buckets. The ways of counting are those that the messages of
/// <see cref="ProviderUsage"/> document; a report that contradicts itself is a fault. Counts out of range are faults
/// before they are added up, so that a sum which wraps around is of no account.
/// </summary>
internal static class UsageReports
{
    /// <summary>The counted item that a provider's own web searches are.</summary>
    internal const string WebSearchSku = "web_search";

    /// <summary>
    /// What the report comes to. With a fault the result means nothing. Its items are the report's own messages.
    /// </summary>
    internal static TokenUsage Read(ProviderUsage report, ref FieldFaults faults)
    {
        TokenUsage usage = report.ProviderCase switch
        {
            ProviderUsage.ProviderOneofCase.OpenAi => OpenAiReports.Read(report.OpenAi, ref faults),
            ProviderUsage.ProviderOneofCase.OpenAiResponses =>
                OpenAiReports.Read(report.OpenAiResponses, ref faults),
            ProviderUsage.ProviderOneofCase.Anthropic => AnthropicReports.Read(report.Anthropic, ref faults),
            ProviderUsage.ProviderOneofCase.Gemini => GeminiReports.Read(report.Gemini, ref faults),
            ProviderUsage.ProviderOneofCase.None => Nobody(ref faults),
        };
        usage.Items.AddRange(report.Items);
        EstimateChecks.Check("provider_usage.items", usage.Items, ref faults);
        return usage;
    }

    /// <summary>A part that its whole includes.</summary>
    internal static void Part(ref FieldFaults faults, string field, long part, string wholeName, long whole)
    {
        FieldChecks.Count(ref faults, field, part);
        if (part > whole)
            faults.Add(field, $"must be at most {wholeName}, which includes it");
    }

    /// <summary>A total; 0 is none.</summary>
    internal static void Total(ref FieldFaults faults, string field, long total, string partNames, long parts)
    {
        FieldChecks.Count(ref faults, field, total);
        if (total != 0 && total != parts)
            faults.Add(field, $"must be the sum of {partNames}");
    }

    private static TokenUsage Nobody(ref FieldFaults faults)
    {
        faults.Add("provider_usage", "must be one of open_ai, open_ai_responses, anthropic and gemini");
        return new TokenUsage();
    }
}
