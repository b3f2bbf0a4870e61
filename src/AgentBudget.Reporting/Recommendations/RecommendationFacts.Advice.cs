using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Recommendations;

public sealed partial class RecommendationFacts
{
    private const int RecommendationsMax = 1_000; // As the contract says.
    private const int RunsMin = 30; // Of fewer, success is chance.
    private const int Millionths = 1_000_000;
    private const int LongCallsPerCallMin = 10; // One of ten calls at most.
    private const int IdlePerLimitMin = 20; // A twentieth of the limit.
    private const int UnusedPerLimitMin = 5; // A fifth.
    private const double WilsonZ = 1.959963984540054; // Of 95 %.

    private readonly List<(Int128 Nanos, Recommendation Told)> _advice = [];

    /// <summary>What is recommended.</summary>
    /// <param name="catalog">The catalog in force, for prices, budgets and cheaper models.</param>
    /// <param name="now">When its prices are looked at.</param>
    /// <param name="floorNanos">Amounts below it are left out.</param>
    public GetRecommendationsResponse Finish(Catalog catalog, DateTimeOffset now, long floorNanos)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        var prices = new ModelPrices(catalog, now);
        // Holds that are still open idle up to now.
        foreach (OpenHold hold in _holds.Values) AddHold(hold, hold.SettledNanos, _time);
        foreach (((string useCase, string model), ModelUse use) in _uses)
        {
            AdviseCheaper(catalog, prices, useCase, model, use);
            AdviseCache(prices, useCase, model, use);
            AdviseLong(prices, useCase, model, use);
            AdviseBatch(prices, useCase, model, use);
        }

        foreach ((string agent, (long calls, Int128 nanos)) in _repeated)
            Advise(RecommendationKind.RepeatedCalls, agent, "", nanos, ("calls", calls));
        AdviseRuns();
        AdviseHolds(catalog);
        foreach (((string grain, string window), Queue<Int128> settled) in _periods)
            AdviseBudget(catalog, grain, window, settled);
        var response = new GetRecommendationsResponse
        {
            Cost = ReportTerms.ToMoney(_costNanos, catalog.Currency),
            Sequence = _sequence,
            AsOf = _time,
        };
        foreach ((Int128 nanos, Recommendation told) in _advice.Where(one => one.Nanos > 0 && one.Nanos >= floorNanos)
            .OrderByDescending(one => one.Nanos).ThenBy(one => one.Told.Kind)
            .ThenBy(one => one.Told.Grain, StringComparer.Ordinal).Take(RecommendationsMax))
        {
            told.Amount = ReportTerms.ToMoney(nanos, catalog.Currency);
            response.Recommendations.Add(told);
        }

        return response;
    }

    private void AdviseCheaper(Catalog catalog, ModelPrices prices, string useCase, string model, ModelUse use)
    {
        UseCase? known = catalog.UseCases.FirstOrDefault(one => UseCasePrefix + one.Id == useCase);
        if (known is null || !known.Downgrade.TryGetValue(model, out string? cheaper)) return;
        if (use.ShortCalls == 0 || CostOf(prices, cheaper, use.ShortTokens) is not { } cheaperNanos) return;
        EndedRun[] runs = [.. _ended.Where(run => run.UseCase == useCase)];
        EndedRun[] dear = [.. runs.Where(run => run.Models.Contains(model))];
        EndedRun[] cheap = [.. runs.Where(run => run.Models.Contains(cheaper) && !run.Models.Contains(model))];
        if (dear.Length < RunsMin || cheap.Length < RunsMin) return;
        int dearSuccesses = dear.Count(run => run.HasSucceeded);
        int cheapSuccesses = cheap.Count(run => run.HasSucceeded);
        if (WilsonLow(cheapSuccesses, cheap.Length) < WilsonLow(dearSuccesses, dear.Length)) return;
        Recommendation told = Advise(
            RecommendationKind.CheaperModel, useCase, model, use.ShortNanos - cheaperNanos,
            ("calls", use.ShortCalls), ("cost_nanos", use.ShortNanos), ("cheaper_nanos", cheaperNanos),
            ("runs", dear.Length), ("succeeded_ppm", PpmOf(dearSuccesses, dear.Length)),
            ("cheaper_runs", cheap.Length), ("cheaper_succeeded_ppm", PpmOf(cheapSuccesses, cheap.Length)));
        told.CheaperModel = cheaper;
    }

    private void AdviseCache(ModelPrices prices, string useCase, string model, ModelUse use)
    {
        Advise(
            RecommendationKind.CacheChurn, useCase, model,
            ReportTerms.Ratio(use.WrittenAbove - use.ReadSaved, Millionths),
            ("written_tokens", use.WrittenTokens),
            ("written_above_nanos", ReportTerms.Ratio(use.WrittenAbove, Millionths)),
            ("read_tokens", use.ReadTokens), ("read_saved_nanos", ReportTerms.Ratio(use.ReadSaved, Millionths)));
        if (prices.RateOf(model, TokenBucket.Input) is not { } input
            || prices.RateOf(model, TokenBucket.CacheRead) is not { } read)
        {
            return;
        }

        // A provider without a rate of writing writes for nothing more.
        long write = prices.RateOf(model, TokenBucket.CacheWrite5M) ?? input;
        Int128 saved = ReportTerms.Ratio((Int128)use.RepeatedTokens * (input - read), Millionths);
        Int128 above = ReportTerms.Ratio((Int128)use.ConversationTokens * (write - input), Millionths);
        Advise(
            RecommendationKind.CacheMore, useCase, model, saved - above, ("calls", use.RepeatingCalls),
            ("repeated_tokens", use.RepeatedTokens), ("saved_nanos", saved), ("written_above_nanos", above));
    }

    private void AdviseLong(ModelPrices prices, string useCase, string model, ModelUse use)
    {
        if (use.LongCalls == 0 || use.LongCalls * LongCallsPerCallMin > use.Calls) return;
        if (CostOf(prices, model, use.LongTokens) is not { } ordinary) return;
        Advise(
            RecommendationKind.LongContext, useCase, model, use.LongNanos - ordinary, ("calls", use.Calls),
            ("long_calls", use.LongCalls), ("cost_nanos", use.LongNanos), ("ordinary_nanos", ordinary));
    }

    private void AdviseBatch(ModelPrices prices, string useCase, string model, ModelUse use)
    {
        if (prices.BatchMultiplierPpmOf(model) is not { } ppm) return;
        Advise(
            RecommendationKind.Batch, useCase, model,
            ReportTerms.Ratio(use.UnattendedNanos * (Millionths - ppm), Millionths), ("calls", use.UnattendedCalls),
            ("cost_nanos", use.UnattendedNanos), ("batch_multiplier_ppm", ppm));
    }

    private void AdviseRuns()
    {
        foreach (IGrouping<string, EndedRun> runs in _ended.GroupBy(run => run.UseCase, StringComparer.Ordinal))
        {
            Int128 nanos = 0;
            foreach (EndedRun run in runs.Where(run => run.HasFailed)) nanos += run.CostNanos;
            Advise(
                RecommendationKind.FailedRuns, runs.Key, "", nanos, ("runs", runs.Count()),
                ("failed", runs.Count(run => run.HasFailed)));
        }
    }

    private void AdviseHolds(Catalog catalog)
    {
        long seconds = Math.Max(1, Math.Min(end.Seconds, _time.Seconds) - start.Seconds);
        foreach ((string useCase, HoldUse use) in _holdUses)
        {
            Int128 idle = ReportTerms.Ratio(use.IdleNanoSeconds, seconds);
            Int128 held = ReportTerms.Ratio(use.HeldNanoSeconds, seconds);
            Int128 limit = CatalogBudgets.LimitOf(catalog, useCase, window: null) ?? 0;
            bool isMuch = limit > 0 && idle * IdlePerLimitMin >= limit;
            if (!isMuch && use.RefusedThatFit == 0) continue;
            Advise(
                RecommendationKind.IdleHolds, useCase, "", idle, ("holds", use.Holds), ("average_held_nanos", held),
                ("limit_nanos", limit), ("refused_that_fit", use.RefusedThatFit),
                ("p99_settled_by_held_ppm", use.P99Ppm()));
        }
    }

    private void AdviseBudget(Catalog catalog, string grain, string window, Queue<Int128> settled)
    {
        if (settled.Count < PeriodsMax || CatalogBudgets.LimitOf(catalog, grain, window) is not { } limit) return;
        Int128 most = settled.Max();
        Int128 unused = limit - ReportTerms.Ratio(most * 12, 10);
        if (unused * UnusedPerLimitMin < limit) return;
        Recommendation told = Advise(
            RecommendationKind.UnusedBudget, grain, "", unused, ("limit_nanos", limit), ("most_settled_nanos", most),
            ("periods", settled.Count));
        told.Window = window;
    }

    // At ordinary rates; null where the catalog lacks one.
    private static Int128? CostOf(ModelPrices prices, string model, Dictionary<TokenBucket, long> tokens)
    {
        Int128 sum = 0;
        foreach ((TokenBucket bucket, long count) in tokens)
        {
            if (prices.RateOf(model, bucket) is not { } rate) return null;
            sum += (Int128)count * rate;
        }

        return ReportTerms.Ratio(sum, Millionths);
    }

    // The lower end of Wilson's interval of a share.
    private static double WilsonLow(int successes, int count)
    {
        double share = successes / (double)count;
        double square = WilsonZ * WilsonZ;
        double half = WilsonZ * Math.Sqrt(((share * (1 - share)) + (square / (4 * count))) / count);
        return (share + (square / (2 * count)) - half) / (1 + (square / count));
    }

    private static long PpmOf(int part, int whole) => (long)part * Millionths / whole;

    private Recommendation Advise(
        RecommendationKind kind, string grain, string model, Int128 nanos,
        params ReadOnlySpan<(string Name, Int128 Value)> numbers)
    {
        var told = new Recommendation { Kind = kind, Grain = grain, Model = model };
        foreach ((string name, Int128 value) in numbers)
        {
            long bounded = (long)Int128.Clamp(value, long.MinValue, long.MaxValue);
            told.Numbers.Add(new RecommendationNumber { Name = name, Value = bounded });
        }

        _advice.Add((nanos, told));
        return told;
    }
}
