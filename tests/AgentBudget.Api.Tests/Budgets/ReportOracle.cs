namespace AgentBudget.Api.Tests.Budgets;

/// <summary>
/// What a report costs, in decimal arithmetic, from the words of provider_usage.proto: the tokens of each bucket at its
/// rate, each line rounded half to even.
/// </summary>
/// <param name="Rates">Nanos per million tokens, by the names of <see cref="TokensOf"/>.</param>
/// <param name="SearchNanos">A web search.</param>
/// <param name="SecondNanos">A second.</param>
internal sealed record ReportOracle(
    IReadOnlyDictionary<string, decimal> Rates, decimal SearchNanos, decimal SecondNanos)
{
    /// <summary>The nanos of one report of which the counts are known.</summary>
    public decimal CostOf(ReportGrammar grammar, IReadOnlyDictionary<Fact, long> counts, decimal multiplier = 1)
    {
        Dictionary<string, decimal> tokens = TokensOf(grammar, counts, out decimal untold);
        decimal Rate(string bucket) => Math.Round(Rates[bucket] * multiplier, MidpointRounding.ToEven);
        tokens[Rate("input") > Rate("output") ? "input" : "output"] += untold;
        return tokens.Sum(line => Round(line.Value * Rate(line.Key) / 1_000_000)) + ItemsOf(counts);
    }

    /// <summary>
    /// The nanos of samplings of one call, and of what the report counts beside them above their sum.
    /// </summary>
    public decimal CostOf(
        ReportGrammar grammar,
        IReadOnlyDictionary<Fact, long> counts,
        IReadOnlyList<IReadOnlyDictionary<Fact, long>> samplings,
        decimal multiplier)
    {
        decimal sampled = samplings.Sum(sampling => SumOf(grammar, sampling));
        if (sampled == 0) return CostOf(grammar, counts, multiplier) + samplings.Sum(ItemsOf);
        decimal more = Math.Max(0, SumOf(grammar, counts) - sampled);
        var untold = new Dictionary<Fact, long> { [Fact.Total] = (long)more };
        return samplings.Sum(sampling => CostOf(grammar, sampling, multiplier))
            + CostOf(grammar, untold, multiplier) + ItemsOf(counts);
    }

    private decimal ItemsOf(IReadOnlyDictionary<Fact, long> counts) =>
        Round(Of(counts, Fact.Searches) * SearchNanos) + Round(Of(counts, Fact.Seconds) * SecondNanos);

    private static decimal SumOf(ReportGrammar grammar, IReadOnlyDictionary<Fact, long> counts) =>
        TokensOf(grammar, counts, out decimal untold).Values.Sum() + untold;

    private static Dictionary<string, decimal> TokensOf(
        ReportGrammar grammar, IReadOnlyDictionary<Fact, long> counts, out decimal untold)
    {
        decimal prompt = Of(counts, Fact.Prompt) > 0 ? Of(counts, Fact.Prompt) : Of(counts, Fact.UsedPrompt);
        decimal answer = Of(counts, Fact.Output) > 0 ? Of(counts, Fact.Output) : Of(counts, Fact.UsedOutput);
        decimal cachedAudio = Of(counts, Fact.CachedAudio);
        decimal cached = Math.Max(Of(counts, Fact.Cached), cachedAudio + Of(counts, Fact.CachedImage));
        decimal oneHour = Of(counts, Fact.Written1h);
        decimal fiveMinutes = Math.Max(Of(counts, Fact.Written5m), Of(counts, Fact.Written) - oneHour);

        // Caches are in the prompt, as far as they fit there.
        decimal caches = cached + fiveMinutes + oneHour;
        decimal text = grammar.IncludesCache && caches <= prompt ? prompt - caches : prompt;
        decimal audio = Within(ref text, Math.Max(0, Of(counts, Fact.Audio) - cachedAudio), prompt);
        decimal image =
            Within(ref text, Math.Max(0, Of(counts, Fact.Image) - Of(counts, Fact.CachedImage)), prompt);

        decimal added = Of(counts, Fact.Added);
        decimal addedText = added;
        audio += Within(ref addedText, Of(counts, Fact.AddedAudio), added);
        image += Within(ref addedText, Of(counts, Fact.AddedImage), added);

        decimal modal = Of(counts, Fact.OutputAudio) + Of(counts, Fact.OutputImage);
        if (modal <= answer) answer -= modal;
        decimal thoughts = Of(counts, Fact.Reasoning);
        if (grammar.IncludesReasoning && thoughts <= answer) answer -= thoughts;

        var tokens = new Dictionary<string, decimal>
        {
            ["input"] = text + addedText,
            ["inputAudio"] = audio,
            ["inputImage"] = image,
            ["cacheRead"] = cached - cachedAudio,
            ["cacheReadAudio"] = cachedAudio,
            ["cacheWrite5m"] = fiveMinutes,
            ["cacheWrite1h"] = oneHour,
            ["output"] = answer,
            ["reasoning"] = thoughts,
            ["outputAudio"] = Of(counts, Fact.OutputAudio),
            ["outputImage"] = Of(counts, Fact.OutputImage),
        };
        untold = Math.Max(0, Of(counts, Fact.Total) - tokens.Values.Sum());
        return tokens;
    }

    // Of a part that its whole can have, so much is taken from what is left of it; one above it stands beside it.
    private static decimal Within(ref decimal left, decimal part, decimal whole)
    {
        if (part > whole) return part;
        decimal taken = Math.Min(part, left);
        left -= taken;
        return taken;
    }

    private static decimal Of(IReadOnlyDictionary<Fact, long> counts, Fact fact) => counts.GetValueOrDefault(fact);

    private static decimal Round(decimal nanos) => Math.Round(nanos, MidpointRounding.ToEven);
}
