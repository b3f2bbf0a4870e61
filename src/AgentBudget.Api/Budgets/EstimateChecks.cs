using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

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
        FieldChecks.Count(ref faults, "estimate.cache_read_audio_tokens", estimate.CacheReadAudioTokens);
        FieldChecks.Count(ref faults, "estimate.cache_write_audio_tokens", estimate.CacheWriteAudioTokens);
        FieldChecks.Count(ref faults, "estimate.output_image_tokens", estimate.OutputImageTokens);
        if (AnyTokens(estimate) == 0 && estimate.Items.Count == 0)
            faults.Add("estimate", "must be at least one token or one item");
        Check("estimate.items", estimate.Items, ref faults);
    }

    /// <summary>Whether an estimate is of counted items alone, which need no model.</summary>
    internal static bool IsOfItemsAlone(TokenEstimate? estimate) =>
        estimate is { Items.Count: > 0 } && AnyTokens(estimate) == 0;

    internal static void Check(string field, RepeatedField<CountedItem> items, ref FieldFaults faults)
    {
        if (items.Count == 0)
            return;
        if (items.Count > FieldRules.ItemsMax)
            faults.Add(field, "must be at most 16");
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (CountedItem item in items)
        {
            if (!FieldRules.IsWord(item.Sku))
                faults.Add(field, "must name SKUs or tools, 1 to 128 printable ASCII characters without spaces");
            else if (!seen.Add(item.Sku))
                faults.Add(field, $"has {item.Sku} twice");
            if (item.Count is < 1 or > FieldRules.CountMax)
                faults.Add(field, "must have counts of 1 to 1,000,000,000,000");
        }
    }

    // Not their sum, which could overflow before the counts are found too large.
    private static long AnyTokens(TokenEstimate estimate) =>
        estimate.InputTokens | estimate.MaxOutputTokens | estimate.CacheReadTokens | estimate.CacheWrite5MTokens
        | estimate.CacheWrite1HTokens | estimate.ReasoningTokens | estimate.InputAudioTokens
        | estimate.OutputAudioTokens | estimate.InputImageTokens | estimate.CacheReadAudioTokens
        | estimate.CacheWriteAudioTokens | estimate.OutputImageTokens;
}
