using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Api.Budgets.Providers;

/// <summary>
/// Gemini's prompt includes what was cached; thoughts are apart from candidates, what tools add from the prompt.
/// </summary>
internal static class GeminiReports
{
    /// <summary>A report has one entry for each modality, of which there are five.</summary>
    private const int DetailsMax = 16;

    private const string Prefix = "provider_usage.gemini.";
    private const string Audio = "AUDIO";
    private const string Image = "IMAGE";

    internal static TokenUsage Read(GeminiUsage report, ref FieldFaults faults)
    {
        Check(report, ref faults);
        long uncached = report.PromptTokenCount - report.CachedContentTokenCount;
        // Where it is not told what was cached, the dearer was not, as far as that can be.
        long audio = Math.Min(UncachedOf(Audio, report), uncached);
        long images = Math.Min(UncachedOf(Image, report), uncached - audio);
        long toolAudio = CountOf(Audio, report.ToolUsePromptTokensDetails);
        long toolImages = CountOf(Image, report.ToolUsePromptTokensDetails);
        long answerAudio = CountOf(Audio, report.CandidatesTokensDetails);
        return new TokenUsage
        {
            InputTokens = uncached - audio - images + report.ToolUsePromptTokenCount - toolAudio - toolImages,
            CacheReadTokens = report.CachedContentTokenCount,
            InputAudioTokens = audio + toolAudio,
            InputImageTokens = images + toolImages,
            OutputTokens = report.CandidatesTokenCount - answerAudio,
            ReasoningTokens = report.ThoughtsTokenCount,
            OutputAudioTokens = answerAudio,
        };
    }

    private static void Check(GeminiUsage report, ref FieldFaults faults)
    {
        FieldChecks.Count(ref faults, Prefix + "prompt_token_count", report.PromptTokenCount);
        FieldChecks.Count(ref faults, Prefix + "candidates_token_count", report.CandidatesTokenCount);
        FieldChecks.Count(ref faults, Prefix + "thoughts_token_count", report.ThoughtsTokenCount);
        FieldChecks.Count(ref faults, Prefix + "tool_use_prompt_token_count", report.ToolUsePromptTokenCount);
        UsageReports.Part(
            ref faults,
            Prefix + "cached_content_token_count", report.CachedContentTokenCount,
            "prompt_token_count", report.PromptTokenCount);
        // Both are one bucket, with one bound.
        long input = report.PromptTokenCount + report.ToolUsePromptTokenCount;
        if (input > FieldRules.CountMax)
            faults.Add(Prefix + "tool_use_prompt_token_count", "is too large together with prompt_token_count");
        UsageReports.Total(
            ref faults,
            Prefix + "total_token_count", report.TotalTokenCount,
            "prompt_token_count, tool_use_prompt_token_count, candidates_token_count and thoughts_token_count",
            input + report.CandidatesTokenCount + report.ThoughtsTokenCount);
        CheckDetails(
            "prompt_tokens_details", report.PromptTokensDetails,
            "prompt_token_count", report.PromptTokenCount, ref faults);
        CheckDetails(
            "cache_tokens_details", report.CacheTokensDetails,
            "cached_content_token_count", report.CachedContentTokenCount, ref faults);
        CheckDetails(
            "candidates_tokens_details", report.CandidatesTokensDetails,
            "candidates_token_count", report.CandidatesTokenCount, ref faults);
        CheckDetails(
            "tool_use_prompt_tokens_details", report.ToolUsePromptTokensDetails,
            "tool_use_prompt_token_count", report.ToolUsePromptTokenCount, ref faults);
        CheckCached(Audio, report, ref faults);
        CheckCached(Image, report, ref faults);
    }

    private static void CheckDetails(
        string name,
        RepeatedField<GeminiModalityTokenCount> details,
        string wholeName,
        long whole,
        ref FieldFaults faults)
    {
        if (details.Count > DetailsMax)
        {
            faults.Add(Prefix + name, $"must be at most {DetailsMax}");
            return;
        }

        long sum = 0;
        for (int index = 0; index < details.Count; index++)
        {
            FieldChecks.Count(ref faults, $"{Prefix}{name}[{index}].token_count", details[index].TokenCount);
            sum = sum + details[index].TokenCount;
        }

        if (sum > whole)
            faults.Add(Prefix + name, $"must be at most {wholeName} together");
    }

    // Without details of the prompt nothing is known to be of a modality.
    private static void CheckCached(string modality, GeminiUsage report, ref FieldFaults faults)
    {
        bool isKnown = report.PromptTokensDetails.Count > 0;
        if (isKnown
            && CountOf(modality, report.CacheTokensDetails) > CountOf(modality, report.PromptTokensDetails))
        {
            faults.Add(Prefix + "cache_tokens_details", $"must be at most prompt_tokens_details in {modality}");
        }
    }

    private static long UncachedOf(string modality, GeminiUsage report) => Math.Max(
        0, CountOf(modality, report.PromptTokensDetails) - CountOf(modality, report.CacheTokensDetails));

    private static long CountOf(string modality, RepeatedField<GeminiModalityTokenCount> details)
    {
        long count = 0;
        for (int index = 0; index < details.Count; index++)
        {
            if (details[index].Modality == modality)
                count = count + details[index].TokenCount;
        }

        return count;
    }
}
