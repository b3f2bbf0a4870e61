using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Prices;

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

    public bool IsWithinBounds =>
        IsCount(Input) && IsCount(Output) && IsCount(CacheRead) && IsCount(CacheWrite5m) && IsCount(CacheWrite1h)
        && IsCount(Reasoning) && IsCount(InputAudio) && IsCount(OutputAudio) && IsCount(InputImage);

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

    private static bool IsCount(long count) => count is >= 0 and <= PerBucketMax;
}
