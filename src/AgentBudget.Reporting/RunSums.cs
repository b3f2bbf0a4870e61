using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting;

/// <summary>What was folded of one run and is not yet written.</summary>
internal struct RunSums
{
    /// <summary>Settled by the run's root and everything below it, before its end and after.</summary>
    public Int128 CostNanos;

    /// <summary>How it ended; null where that was not folded, or was written before.</summary>
    public RunEnd? End;
}

/// <summary>How a run ended.</summary>
/// <param name="Quarter">When, as in <see cref="SpendKey"/>.</param>
/// <param name="IsSuccess">Its outcome is success.</param>
/// <param name="Agent">The agent of its root.</param>
/// <param name="UseCase">The use case of its root.</param>
/// <param name="BusinessUnit">The business unit of its root.</param>
/// <param name="Deltas">Its outcome's metrics, above what they are without agents.</param>
internal sealed record RunEnd(
    long Quarter,
    bool IsSuccess,
    string Agent,
    string UseCase,
    string BusinessUnit,
    IReadOnlyList<OutcomeDelta> Deltas);

/// <summary>One metric of an outcome, less its baseline.</summary>
/// <param name="Metric">Its name.</param>
/// <param name="Millionths">The difference.</param>
internal readonly record struct OutcomeDelta(string Metric, long Millionths);

/// <summary>A session that another one opened.</summary>
/// <param name="Quarter">When, as in <see cref="SpendKey"/>.</param>
/// <param name="Own">Its path.</param>
/// <param name="From">The path of the one that opened it; in facts of former releases its name alone.</param>
internal sealed record ChildSession(long Quarter, Spender Own, Spender From);
