using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>What a hold asks for, new or changed.</summary>
internal static class EstimateChecks
{
    internal const string TtlDescription = "must be 1 s to 24 h";

    internal static void Check(TokenEstimate estimate, ref FieldFaults faults)
    {
        FieldChecks.Count(ref faults, "estimate.input_tokens", estimate.InputTokens);
        FieldChecks.Count(ref faults, "estimate.max_output_tokens", estimate.MaxOutputTokens);
        FieldChecks.Count(ref faults, "estimate.cache_read_tokens", estimate.CacheReadTokens);
        FieldChecks.Count(ref faults, "estimate.cache_write_5m_tokens", estimate.CacheWrite5MTokens);
        FieldChecks.Count(ref faults, "estimate.cache_write_1h_tokens", estimate.CacheWrite1HTokens);
        FieldChecks.Count(ref faults, "estimate.reasoning_tokens", estimate.ReasoningTokens);
        FieldChecks.Count(ref faults, "estimate.input_audio_tokens", estimate.InputAudioTokens);
        FieldChecks.Count(ref faults, "estimate.output_audio_tokens", estimate.OutputAudioTokens);
        FieldChecks.Count(ref faults, "estimate.input_image_tokens", estimate.InputImageTokens);
        long any = estimate.InputTokens | estimate.MaxOutputTokens | estimate.CacheReadTokens
            | estimate.CacheWrite5MTokens | estimate.CacheWrite1HTokens | estimate.ReasoningTokens
            | estimate.InputAudioTokens | estimate.OutputAudioTokens | estimate.InputImageTokens;
        if (any == 0)
            faults.Add("estimate", "must be at least one token");
    }
}
