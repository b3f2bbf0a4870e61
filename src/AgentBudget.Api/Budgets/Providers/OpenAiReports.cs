using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets.Providers;

/// <summary>OpenAI's totals include their details: what was cached, audio, reasoning.</summary>
internal static class OpenAiReports
{
    private const string Chat = "provider_usage.open_ai.";
    private const string Responses = "provider_usage.open_ai_responses.";

    internal static TokenUsage Read(OpenAiUsage report, ref FieldFaults faults)
    {
        OpenAiPromptTokensDetails prompt = report.PromptTokensDetails ?? new OpenAiPromptTokensDetails();
        OpenAiCompletionTokensDetails completion =
            report.CompletionTokensDetails ?? new OpenAiCompletionTokensDetails();
        Check(report, prompt, completion, ref faults);
        long uncached = report.PromptTokens - prompt.CachedTokens;
        // What of the audio was cached is not told. Audio is the dearer: at most as much of it was cached as must be.
        long audio = Math.Min(prompt.AudioTokens, uncached);
        return new TokenUsage
        {
            InputTokens = uncached - audio,
            CacheReadTokens = prompt.CachedTokens,
            InputAudioTokens = audio,
            OutputTokens = report.CompletionTokens - completion.ReasoningTokens - completion.AudioTokens,
            ReasoningTokens = completion.ReasoningTokens,
            OutputAudioTokens = completion.AudioTokens,
        };
    }

    internal static TokenUsage Read(OpenAiResponsesUsage report, ref FieldFaults faults)
    {
        long cached = report.InputTokensDetails?.CachedTokens ?? 0;
        long reasoning = report.OutputTokensDetails?.ReasoningTokens ?? 0;
        FieldChecks.Count(ref faults, Responses + "input_tokens", report.InputTokens);
        FieldChecks.Count(ref faults, Responses + "output_tokens", report.OutputTokens);
        UsageReports.Part(
            ref faults,
            Responses + "input_tokens_details.cached_tokens", cached,
            "input_tokens", report.InputTokens);
        UsageReports.Part(
            ref faults,
            Responses + "output_tokens_details.reasoning_tokens", reasoning,
            "output_tokens", report.OutputTokens);
        UsageReports.Total(
            ref faults,
            Responses + "total_tokens", report.TotalTokens,
            "input_tokens and output_tokens", report.InputTokens + report.OutputTokens);
        return new TokenUsage
        {
            InputTokens = report.InputTokens - cached,
            CacheReadTokens = cached,
            OutputTokens = report.OutputTokens - reasoning,
            ReasoningTokens = reasoning,
        };
    }

    private static void Check(
        OpenAiUsage report,
        OpenAiPromptTokensDetails prompt,
        OpenAiCompletionTokensDetails completion,
        ref FieldFaults faults)
    {
        FieldChecks.Count(ref faults, Chat + "prompt_tokens", report.PromptTokens);
        FieldChecks.Count(ref faults, Chat + "completion_tokens", report.CompletionTokens);
        UsageReports.Total(
            ref faults,
            Chat + "total_tokens", report.TotalTokens,
            "prompt_tokens and completion_tokens", report.PromptTokens + report.CompletionTokens);

        const string ofPrompt = Chat + "prompt_tokens_details.";
        UsageReports.Part(
            ref faults, ofPrompt + "cached_tokens", prompt.CachedTokens, "prompt_tokens", report.PromptTokens);
        UsageReports.Part(
            ref faults, ofPrompt + "audio_tokens", prompt.AudioTokens, "prompt_tokens", report.PromptTokens);

        const string ofCompletion = Chat + "completion_tokens_details.";
        const string whole = "completion_tokens";
        UsageReports.Part(
            ref faults, ofCompletion + "reasoning_tokens", completion.ReasoningTokens, whole, report.CompletionTokens);
        // Reasoning and audio are apart from each other, so together they are within the whole.
        UsageReports.Part(
            ref faults, ofCompletion + "audio_tokens", completion.AudioTokens,
            whole + " less reasoning_tokens", report.CompletionTokens - completion.ReasoningTokens);
        UsageReports.Part(
            ref faults, ofCompletion + "accepted_prediction_tokens", completion.AcceptedPredictionTokens,
            whole, report.CompletionTokens);
        UsageReports.Part(
            ref faults, ofCompletion + "rejected_prediction_tokens", completion.RejectedPredictionTokens,
            whole, report.CompletionTokens);
    }
}
