using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Prices;

/// <summary>Token counts by bucket. Buckets are disjoint.</summary>
internal readonly record struct Tokens(
    long Input,
    long Output,
    long CacheRead,
    long CacheWrite5m,
    long CacheWrite1h,
    long Reasoning,
    long InputAudio,
    long OutputAudio,
    long InputImage)
{
    /// <summary>
    /// Most tokens in one bucket of one call: far above any model, and nine of them sum without overflow.
    /// </summary>
    internal const long PerBucketMax = 1_000_000_000_000;

    public static Tokens From(TokenEstimate estimate) => new(
        estimate.InputTokens,
        estimate.MaxOutputTokens,
        estimate.CacheReadTokens,
        estimate.CacheWrite5MTokens,
        estimate.CacheWrite1HTokens,
        estimate.ReasoningTokens,
        estimate.InputAudioTokens,
        estimate.OutputAudioTokens,
        estimate.InputImageTokens);

    public static Tokens From(TokenUsage usage) => new(
        usage.InputTokens,
        usage.OutputTokens,
        usage.CacheReadTokens,
        usage.CacheWrite5MTokens,
        usage.CacheWrite1HTokens,
        usage.ReasoningTokens,
        usage.InputAudioTokens,
        usage.OutputAudioTokens,
        usage.InputImageTokens);

    public long Total => Input + Output + CacheRead + CacheWrite5m + CacheWrite1h + Reasoning + InputAudio + OutputAudio
        + InputImage;

    /// <summary>Tokens of the prompt: what a long-context threshold is compared with.</summary>
    public long Prompt => Input + CacheRead + CacheWrite5m + CacheWrite1h + InputAudio + InputImage;

    /// <summary>Bucket by bucket what is above what was used, never negative.</summary>
    public Tokens Less(in Tokens used) => new(
        Math.Max(0, Input - used.Input),
        Math.Max(0, Output - used.Output),
        Math.Max(0, CacheRead - used.CacheRead),
        Math.Max(0, CacheWrite5m - used.CacheWrite5m),
        Math.Max(0, CacheWrite1h - used.CacheWrite1h),
        Math.Max(0, Reasoning - used.Reasoning),
        Math.Max(0, InputAudio - used.InputAudio),
        Math.Max(0, OutputAudio - used.OutputAudio),
        Math.Max(0, InputImage - used.InputImage));

    public TokenUsage ToUsage() => new()
    {
        InputTokens = Input,
        OutputTokens = Output,
        CacheReadTokens = CacheRead,
        CacheWrite5MTokens = CacheWrite5m,
        CacheWrite1HTokens = CacheWrite1h,
        ReasoningTokens = Reasoning,
        InputAudioTokens = InputAudio,
        OutputAudioTokens = OutputAudio,
        InputImageTokens = InputImage,
    };

    public void WriteTo(TokenEstimate estimate)
    {
        estimate.InputTokens = Input;
        estimate.MaxOutputTokens = Output;
        estimate.CacheReadTokens = CacheRead;
        estimate.CacheWrite5MTokens = CacheWrite5m;
        estimate.CacheWrite1HTokens = CacheWrite1h;
        estimate.ReasoningTokens = Reasoning;
        estimate.InputAudioTokens = InputAudio;
        estimate.OutputAudioTokens = OutputAudio;
        estimate.InputImageTokens = InputImage;
    }
}
