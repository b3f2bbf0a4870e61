using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>The disjoint token buckets of a call, in the order of <see cref="AuditPrice"/>'s rates.</summary>
internal sealed class AuditTokens
{
    private readonly long[] _buckets;

    private AuditTokens(params long[] buckets) => _buckets = buckets;

    public IReadOnlyList<long> Buckets => _buckets;

    public Int128 Total
    {
        get
        {
            Int128 total = 0;
            foreach (long bucket in _buckets) total += bucket;
            return total;
        }
    }

    /// <summary>Tokens of the prompt: all but output, reasoning, and audio and image output.</summary>
    public Int128 Prompt => Total - _buckets[1] - _buckets[5] - _buckets[7] - _buckets[11];

    public bool AreCounts => Array.TrueForAll(_buckets, static bucket => bucket >= 0);

    public static AuditTokens Of(TokenEstimate? estimate)
    {
        estimate ??= new TokenEstimate();
        return new AuditTokens(
            estimate.InputTokens, estimate.MaxOutputTokens, estimate.CacheReadTokens, estimate.CacheWrite5MTokens,
            estimate.CacheWrite1HTokens, estimate.ReasoningTokens, estimate.InputAudioTokens,
            estimate.OutputAudioTokens, estimate.InputImageTokens, estimate.CacheReadAudioTokens,
            estimate.CacheWriteAudioTokens, estimate.OutputImageTokens);
    }

    public static AuditTokens Of(TokenUsage? usage)
    {
        usage ??= new TokenUsage();
        return new AuditTokens(
            usage.InputTokens, usage.OutputTokens, usage.CacheReadTokens, usage.CacheWrite5MTokens,
            usage.CacheWrite1HTokens, usage.ReasoningTokens, usage.InputAudioTokens, usage.OutputAudioTokens,
            usage.InputImageTokens, usage.CacheReadAudioTokens, usage.CacheWriteAudioTokens,
            usage.OutputImageTokens);
    }
}
