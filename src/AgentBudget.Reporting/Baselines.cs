using System.Globalization;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting;

/// <summary>
/// What the outcomes of a tenant's use cases are without agents, by the catalog in force. Numbers are read as the
/// decimals that they are written as and counted in millionths, so that their sums are exact.
/// </summary>
/// <param name="Millionths">By the use case's name, "useCases/trade-promo", and the metric.</param>
internal sealed record Baselines(IReadOnlyDictionary<(string UseCase, string Metric), long> Millionths)
{
    /// <summary>
    /// The largest number that the contract takes. An older one counts as this, so that every ledger can be folded.
    /// </summary>
    private const double NumberMax = 1_000_000_000_000;

    private const int MillionthsPerUnit = 1_000_000;
    private const string UseCasePrefix = "useCases/";

    public static Baselines None { get; } = new(new Dictionary<(string, string), long>());

    public static Baselines Of(Catalog catalog)
    {
        var millionths = new Dictionary<(string, string), long>();
        foreach (UseCase useCase in catalog.UseCases)
        {
            foreach ((string metric, OutcomeRule rule) in useCase.Outcomes)
                millionths[(UseCasePrefix + useCase.Id, metric)] = ToMillionths(rule.Baseline);
        }

        return new Baselines(millionths);
    }

    /// <summary>An outcome's metrics less their baselines; the baseline of one that nobody declared is 0.</summary>
    public IReadOnlyList<OutcomeDelta> DeltasOf(string useCase, Outcome? outcome) => outcome is null
        ? []
        :
        [
            .. outcome.Metrics.Select(metric => new OutcomeDelta(
                metric.Key,
                ToMillionths(metric.Value) - Millionths.GetValueOrDefault((useCase, metric.Key)))),
        ];

    // The shortest decimal that reads back as the number is the one that was written; what is beyond six decimals
    // rounds half to even.
    private static long ToMillionths(double number)
    {
        if (double.IsNaN(number)) return 0;
        string text = Math.Clamp(number, -NumberMax, NumberMax).ToString("R", CultureInfo.InvariantCulture);
        decimal exact = decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
        return (long)Math.Round(exact * MillionthsPerUnit, MidpointRounding.ToEven);
    }
}
