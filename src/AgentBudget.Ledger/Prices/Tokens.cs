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
    long InputImage,
    long CacheReadAudio = 0,
    long CacheWriteAudio = 0,
    long OutputImage = 0)
{
    /// <summary>
    /// Most tokens in one bucket of one call: far above any model, and all of them sum without overflow.
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
        estimate.InputImageTokens,
        estimate.CacheReadAudioTokens,
        estimate.CacheWriteAudioTokens,
        estimate.OutputImageTokens);

    public static Tokens From(TokenUsage usage) => new(
        usage.InputTokens,
        usage.OutputTokens,
        usage.CacheReadTokens,
        usage.CacheWrite5MTokens,
        usage.CacheWrite1HTokens,
        usage.ReasoningTokens,
        usage.InputAudioTokens,
        usage.OutputAudioTokens,
        usage.InputImageTokens,
        usage.CacheReadAudioTokens,
        usage.CacheWriteAudioTokens,
        usage.OutputImageTokens);

    public long Total => Input + Output + CacheRead + CacheWrite5m + CacheWrite1h + Reasoning + InputAudio + OutputAudio
        + InputImage + CacheReadAudio + CacheWriteAudio + OutputImage;

    /// <summary>Tokens of the prompt: what a long-context threshold is compared with.</summary>
    public long Prompt => Input + CacheRead + CacheWrite5m + CacheWrite1h + InputAudio + InputImage
        + CacheReadAudio + CacheWriteAudio;

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
        Math.Max(0, InputImage - used.InputImage),
        Math.Max(0, CacheReadAudio - used.CacheReadAudio),
        Math.Max(0, CacheWriteAudio - used.CacheWriteAudio),
        Math.Max(0, OutputImage - used.OutputImage));

    /// <summary>Bucket by bucket both together. Overflow is not looked at: callers bound their sum.</summary>
    public Tokens Plus(in Tokens other) => new(
        Input + other.Input,
        Output + other.Output,
        CacheRead + other.CacheRead,
        CacheWrite5m + other.CacheWrite5m,
        CacheWrite1h + other.CacheWrite1h,
        Reasoning + other.Reasoning,
        InputAudio + other.InputAudio,
        OutputAudio + other.OutputAudio,
        InputImage + other.InputImage,
        CacheReadAudio + other.CacheReadAudio,
        CacheWriteAudio + other.CacheWriteAudio,
        OutputImage + other.OutputImage);

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
        CacheReadAudioTokens = CacheReadAudio,
        CacheWriteAudioTokens = CacheWriteAudio,
        OutputImageTokens = OutputImage,
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
        estimate.CacheReadAudioTokens = CacheReadAudio;
        estimate.CacheWriteAudioTokens = CacheWriteAudio;
        estimate.OutputImageTokens = OutputImage;
    }
}
