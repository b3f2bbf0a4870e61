using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets.Providers;

/// <summary>
/// The counts of one report, and the disjoint buckets that they come to. Where a provider contradicts itself, all that
/// it counts is charged: the call was made.
/// </summary>
internal sealed class ReportCounts
{
    private readonly long[] _counts = new long[(int)UsageField.Counts];

    /// <summary>Of keys that say the same the greater counts, so that nothing is free.</summary>
    public void Raise(UsageField field, long count) => _counts[(int)field] = Math.Max(_counts[(int)field], count);

    /// <summary>One of several counts that make the field together.</summary>
    public void Add(UsageField field, long count) => _counts[(int)field] += count;

    /// <summary>
    /// What the counts come to, and the tokens that are in their total alone, which are output in it.
    /// </summary>
    public TokenUsage ToUsage(Dialect dialect, out long unaccounted)
    {
        var usage = new TokenUsage();
        ReadPrompt(dialect, usage);
        ReadAdded(usage);
        ReadOutput(dialect, usage);
        unaccounted = Math.Max(0, this[UsageField.Total] - UsageReports.SumOf(usage));
        usage.OutputTokens += unaccounted;
        return usage;
    }

    private long this[UsageField field] => _counts[(int)field];

    private void ReadPrompt(Dialect dialect, TokenUsage usage)
    {
        long prompt = Known(UsageField.Prompt, UsageField.UnbilledPrompt);
        // A whole that is not told is at least its parts.
        long cached = Math.Max(
            this[UsageField.Cached], this[UsageField.CachedAudio] + this[UsageField.CachedImage]);
        long written1h = this[UsageField.CacheWrite1h];
        // Where it is not told how long a cache lives, it is the ordinary one.
        long written5m = Math.Max(this[UsageField.CacheWrite5m], this[UsageField.CacheWrite] - written1h);
        long ofCaches = cached + written5m + written1h;
        // Counts of caches above the prompt's cannot be in it: then they are beside it.
        long rest = dialect.IncludesCache && ofCaches <= prompt ? prompt - ofCaches : prompt;
        long audio = UncachedOf(UsageField.PromptAudio, UsageField.CachedAudio);
        long images = UncachedOf(UsageField.PromptImage, UsageField.CachedImage);
        // Where it is not told what was cached, the dearer was not, as far as that can be.
        usage.InputAudioTokens = PartOf(ref rest, audio, whole: prompt);
        usage.InputImageTokens = PartOf(ref rest, images, whole: prompt);
        usage.InputTokens = rest;
        usage.CacheReadAudioTokens = this[UsageField.CachedAudio];
        usage.CacheReadTokens = cached - this[UsageField.CachedAudio];
        usage.CacheWrite5MTokens = written5m;
        usage.CacheWrite1HTokens = written1h;
    }

    private void ReadAdded(TokenUsage usage)
    {
        long rest = this[UsageField.Added];
        long whole = rest;
        usage.InputAudioTokens += PartOf(ref rest, this[UsageField.AddedAudio], whole);
        usage.InputImageTokens += PartOf(ref rest, this[UsageField.AddedImage], whole);
        usage.InputTokens += rest;
    }

    private void ReadOutput(Dialect dialect, TokenUsage usage)
    {
        long rest = Known(UsageField.Output, UsageField.UnbilledOutput);
        long modal = this[UsageField.OutputAudio] + this[UsageField.OutputImage];
        usage.OutputAudioTokens = this[UsageField.OutputAudio];
        usage.OutputImageTokens = this[UsageField.OutputImage];
        usage.ReasoningTokens = this[UsageField.Reasoning];
        if (modal <= rest) rest -= modal;
        // Some servers count thoughts apart from the answer, which shows where they are more than it.
        if (dialect.IncludesReasoning && usage.ReasoningTokens <= rest) rest -= usage.ReasoningTokens;
        usage.OutputTokens = rest;
    }

    // What was used, where it is not told what of it is billed.
    private long Known(UsageField billed, UsageField used) => this[billed] > 0 ? this[billed] : this[used];

    private long UncachedOf(UsageField all, UsageField cached) => Math.Max(0, this[all] - this[cached]);

    // A part of what is left of its whole; one that is above the whole was never in it.
    private static long PartOf(ref long rest, long part, long whole)
    {
        if (part > whole) return part;
        long inRest = Math.Min(part, rest);
        rest -= inRest;
        return inRest;
    }
}
