using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage.Journal;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Simulation.Core;

/// <summary>What a thousand seeds must have reached, each at least once.</summary>
internal static class Expected
{
    /// <summary>Seeds per demanded occurrence.</summary>
    public const int SeedsPerOccurrence = 1000;

    // Reasons that no rule of this release gives; sessions of an agent that is gone are closed, which comes first.
    private static readonly Reason[] NotGiven = [Reason.Unspecified, Reason.Rate, Reason.AgentDecommissioned];

    public static IEnumerable<(string Group, string Name)> All =>
        Names("fault", Enum.GetValues<SimFault>())
            .Concat(Names("append", Enum.GetValues<AppendOutcome>()))
            .Concat(Names("fault told", Enum.GetValues<TenantFault>()))
            .Append(("ownership", "LoserTold"))
            .Concat(Names("outcome", Enum.GetValues<Outcome>()))
            .Concat(Names("breaker", Enum.GetValues<Breaker>().Except([Breaker.Unspecified])))
            .Concat(Names("reason", Enum.GetValues<Reason>().Except(NotGiven)))
            .Concat(Names("fact", Enum.GetValues<LedgerEvent.FactOneofCase>()
                .Except([LedgerEvent.FactOneofCase.None])));

    /// <summary>What was reached less often than the seeds demand.</summary>
    public static IReadOnlyList<string> Missing(Coverage coverage, int seeds) =>
    [
        .. All.Where(expected => coverage.Of(expected.Group, expected.Name) < Math.Max(1, seeds / SeedsPerOccurrence))
            .Select(expected => $"{expected.Group} {expected.Name}"),
    ];

    private static IEnumerable<(string Group, string Name)> Names<T>(string group, IEnumerable<T> values) =>
        values.Select(value => (group, value!.ToString()!));
}
