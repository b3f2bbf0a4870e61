using AgentBudget.Protocol.V1;
using Provider = AgentBudget.Protocol.V1.ProviderUsage.ProviderOneofCase;

namespace AgentBudget.Api.Budgets.Providers;

/// <summary>
/// Brings a provider's own usage report to disjoint buckets. The ways of counting are documented at the fields of
/// <see cref="ProviderUsage"/>.
/// </summary>
internal static class UsageReports
{
    /// <summary>The counted item that a provider's own web searches are.</summary>
    internal const string WebSearchSku = "web_search";

    /// <summary>
    /// Puts what the report comes to in its place in the request, which is then as one that gives usage. What the
    /// request says itself stays. With a fault the request means nothing.
    /// </summary>
    internal static UsageReading Normalise(CommitTokensRequest request, ref FieldFaults faults)
    {
        ProviderUsage report = request.ProviderUsage;
        request.ProviderUsage = null;
        request.Usage = new TokenUsage();
        if (report.ProviderCase == Provider.None)
        {
            faults.Add(
                "provider_usage",
                "must be one of open_ai, open_ai_responses, anthropic, gemini, bedrock, bedrock_invoke and compatible");
            return new UsageReading();
        }

        ReportReader reader = Read(report, ref faults);
        request.Usage = reader.ToUsage(out IReadOnlyList<UsagePart> parts);
        request.Parts.Add(parts);
        request.Usage.Items.Add(reader.Items);
        request.Usage.Items.Add(report.Items);
        if (request.Model.Length == 0) request.Model = reader.Model;
        CheckBuckets(request, ref faults);
        EstimateChecks.Check("provider_usage.items", request.Usage.Items, ref faults);
        return reader.Reading;
    }

    /// <summary>The field that a report is given in; empty for none.</summary>
    internal static string DialectOf(ProviderUsage report) =>
        ProviderUsage.Descriptor.FindFieldByNumber((int)report.ProviderCase)?.Name ?? "";

    /// <summary>All tokens of all buckets.</summary>
    internal static long SumOf(TokenUsage usage) =>
        usage.InputTokens + usage.OutputTokens + usage.CacheReadTokens + usage.CacheWrite5MTokens
        + usage.CacheWrite1HTokens + usage.ReasoningTokens + usage.InputAudioTokens + usage.OutputAudioTokens
        + usage.InputImageTokens + usage.CacheReadAudioTokens + usage.CacheWriteAudioTokens + usage.OutputImageTokens;

    private static ReportReader Read(ProviderUsage report, ref FieldFaults faults)
    {
        switch (report.ProviderCase)
        {
            case Provider.OpenAi:
                return ReportReader.Read(Dialects.OpenAi, report.OpenAi, ref faults);
            case Provider.OpenAiResponses:
                return ReportReader.Read(Dialects.OpenAiResponses, report.OpenAiResponses, ref faults);
            case Provider.Anthropic:
                return ReportReader.Read(Dialects.Anthropic, report.Anthropic, ref faults);
            case Provider.Gemini:
                return ReportReader.Read(Dialects.Gemini, report.Gemini, ref faults);
            case Provider.Bedrock:
                return ReportReader.Read(Dialects.Bedrock, report.Bedrock, ref faults);
            case Provider.BedrockInvoke:
                return report.BedrockInvoke.Fields.TryGetValue("usage", out var usage) && usage.StructValue is { } own
                    ? ReportReader.Read(Dialects.OfInvoked(own), own, ref faults)
                    : ReportReader.Read(Dialects.BedrockInvoke, report.BedrockInvoke, ref faults);
            default:
                return ReportReader.Read(Dialects.Compatible, report.Compatible, ref faults);
        }
    }

    // Counts that are in bounds one by one may not be together.
    private static void CheckBuckets(CommitTokensRequest request, ref FieldFaults faults)
    {
        foreach (TokenUsage usage in request.Parts.Select(part => part.Usage).Prepend(request.Usage))
        {
            if (SumOf(usage) > FieldRules.CountMax)
                faults.Add("provider_usage", "must be at most 1,000,000,000,000 tokens together");
        }
    }
}
