using AgentBudget.Protocol.V1;

namespace AgentBudget.Dashboard.Text;

/// <summary>What reports found, in the words of a page.</summary>
internal static class Findings
{
    /// <summary>What stands out, in two words.</summary>
    internal static string Of(AnomalyRule rule) => rule switch
    {
        AnomalyRule.Day => "dear day",
        AnomalyRule.Drift => "drift",
        AnomalyRule.RunCost => "dear run",
        AnomalyRule.RunSubagents => "many subagents",
        AnomalyRule.Unspecified => "",
    };

    /// <summary>What the rule compares.</summary>
    internal static string AgainstOf(AnomalyRule rule) => rule switch
    {
        AnomalyRule.Day => "days of the same kind: weekdays of eight weeks, workdays or weekends of four",
        AnomalyRule.Drift => "what its days settled before, day after day",
        AnomalyRule.RunCost => "the last 200 runs of its agent and use case, by cost",
        AnomalyRule.RunSubagents => "the last 200 runs of its agent and use case, by subagents",
        AnomalyRule.Unspecified => "",
    };

    /// <summary>From how many spreads on a rule cries.</summary>
    internal static string AlarmFrom(AnomalyRule rule) => rule switch
    {
        AnomalyRule.Day => "3.5",
        AnomalyRule.Drift => "6",
        AnomalyRule.RunCost or AnomalyRule.RunSubagents => "5",
        AnomalyRule.Unspecified => "",
    };

    /// <summary>What an initiative is worth by what it costs, or a dash.</summary>
    internal static string ReturnOf(GetInitiativeResponse answer) =>
        answer.HasReturnMilli ? Amounts.Times(answer.ReturnMilli / 1_000.0) : "–";

    /// <summary>Why an initiative is to go on, to be watched or to stop.</summary>
    internal static string ReasonsOf(GetInitiativeResponse answer) => string.Join(", ", answer.Reasons.Select(Of));

    /// <summary>The factor that moved a cost most, as a multiple of the usual.</summary>
    internal static string WhyOf(Anomaly found)
    {
        if (found.Subagents is { } subagents)
            return $"{Amounts.Count(subagents.Count)} subagents, {Amounts.Count(subagents.Expected)} expected";
        if (found.Factors is not { } factors) return "";
        (string name, double ln) = new[]
        {
            ("calls", factors.Calls),
            ("tokens a call", factors.TokensPerCall),
            ("price of a token", factors.PricePerToken),
        }.MaxBy(factor => factor.Item2);
        return $"{name} {Amounts.Times(Math.Exp(ln))}";
    }

    /// <summary>All factors, which multiply to the whole.</summary>
    internal static string FactorsOf(Anomaly found) => found.Factors is not { } factors ? ""
        : $"Against {Amounts.Text(factors.Usual)} as usual: calls {Amounts.Times(Math.Exp(factors.Calls))}, "
            + $"tokens a call {Amounts.Times(Math.Exp(factors.TokensPerCall))}, "
            + $"price of a token {Amounts.Times(Math.Exp(factors.PricePerToken))}";

    /// <summary>What a recommendation says to do.</summary>
    internal static string Of(RecommendationKind kind) => kind switch
    {
        RecommendationKind.CheaperModel => "use the cheaper model",
        RecommendationKind.CacheChurn => "write less to the cache",
        RecommendationKind.CacheMore => "read repeats from a cache",
        RecommendationKind.RepeatedCalls => "do not call again for the same",
        RecommendationKind.FailedRuns => "look at runs that fail",
        RecommendationKind.IdleHolds => "hold less, or for less long",
        RecommendationKind.UnusedBudget => "lower the budget",
        RecommendationKind.LongContext => "shorten the longest prompts",
        RecommendationKind.Batch => "send it as a batch",
        RecommendationKind.Unspecified => "",
    };

    /// <summary>
    /// One number of a recommendation in its unit, which the end of its name says: "written above 0.50".
    /// </summary>
    internal static string Of(RecommendationNumber number)
    {
        (string words, string value) = number.Name switch
        {
            _ when Without(number.Name, "_nanos") is { } money => (money, Amounts.Nanos(number.Value)),
            _ when Without(number.Name, "_ppm") is { } share => (share, Amounts.Percent(number.Value / 1_000_000m)),
            _ when number.Name.EndsWith("_tokens", StringComparison.Ordinal) =>
                (number.Name, Amounts.Short(number.Value)),
            _ => (number.Name, Amounts.Count(number.Value)),
        };
        return $"{words.Replace('_', ' ')} {value}";
    }

    /// <summary>Why an initiative goes, stops or is watched.</summary>
    internal static string Of(InitiativeReason reason) => reason switch
    {
        InitiativeReason.NoValue => "the catalog names no value of its outcomes",
        InitiativeReason.FewRuns => "fewer than 20 runs ended",
        InitiativeReason.NoCost => "its runs cost nothing",
        InitiativeReason.ReturnBelowStop => "it is worth less than it costs",
        InitiativeReason.ReturnBetween => "it is worth little more than it costs",
        InitiativeReason.ReturnAboveGo => "it is well worth what it costs",
        InitiativeReason.ForecastAboveBudget => "more is expected than its budget has",
        InitiativeReason.ForecastMayExceed => "its budget may not suffice",
        InitiativeReason.NoBudget => "no budget limits it",
        InitiativeReason.Unspecified => "",
    };

    private static string? Without(string name, string end) =>
        name.EndsWith(end, StringComparison.Ordinal) ? name[..^end.Length] : null;
}
