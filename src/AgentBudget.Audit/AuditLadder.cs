using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>
/// The tiers of a budget. Without tiers of its own a use case warns at 50 and 80, downgrades from 100 on and refuses
/// from 110 on; every other account warns at 50 and 80 and refuses from 100 on; a session's ceilings just end at 100.
/// </summary>
internal sealed record AuditLadder(IReadOnlyList<AuditLadder.Step> Steps, int? SoftPercent, int HardPercent)
{
    public static readonly AuditLadder UseCase =
        new([new(50, true), new(80, true), new(100, false), new(110, false)], 100, 110);

    public static readonly AuditLadder Other = new([new(50, true), new(80, true), new(100, false)], null, 100);

    public static readonly AuditLadder Ceiling = new([], null, 100);

    /// <summary>One tier: its percent, and whether reaching it must be told to somebody.</summary>
    internal readonly record struct Step(int Percent, bool IsNotified);

    public static AuditLadder From(Budget? budget, AuditLadder otherwise) =>
        budget is null || budget.Tiers.Count == 0
            ? otherwise
            : new AuditLadder(
                [.. budget.Tiers.Select(tier => new Step(tier.AtPercent, tier.Notify.Count > 0))],
                budget.Tiers.LastOrDefault(tier => tier.Action == TierAction.Downgrade)?.AtPercent,
                budget.Tiers.LastOrDefault(tier => tier.Action == TierAction.Refuse)?.AtPercent ?? 100);
}
