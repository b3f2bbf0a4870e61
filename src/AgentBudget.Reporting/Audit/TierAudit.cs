using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Audit;

/// <summary>Tiers that a charge reaches.</summary>
internal static class TierAudit
{
    public static void Check(
        AuditState state, AuditSession session, IReadOnlyList<TierCrossing> crossed, AuditAmount charge)
    {
        if (!state.IsEventClean) return;
        foreach (TierCrossing crossing in crossed)
        {
            bool isOnPath = session.Windows.Any(
                grain => grain.Name == crossing.Grain && grain.Window == crossing.Window);
            if (!isOnPath) state.Find(AuditRule.Tiers, $"{crossing.Grain} is not on its path");
        }

        foreach (AuditGrain grain in session.Windows)
        {
            if (grain.Steps.Count > 0) Check(state, grain, crossed, charge);
        }
    }

    private static void Check(
        AuditState state, AuditGrain grain, IReadOnlyList<TierCrossing> crossed, AuditAmount charge)
    {
        AuditAmount after = grain.Settled + charge;
        int told = grain.ToldPercent;
        foreach (TierCrossing crossing in crossed)
        {
            if (crossing.Grain != grain.Name || crossing.Window != grain.Window) continue;
            bool isTier = grain.Steps.Any(step => step.IsNotified && step.Percent == crossing.AtPercent);
            if (crossing.AtPercent <= told)
                state.Find(AuditRule.Tiers, $"tier {crossing.AtPercent} of {grain.Name} was told before");
            else if (!isTier || !grain.Reaches(after, crossing.AtPercent))
                state.Find(AuditRule.Tiers, $"tier {crossing.AtPercent} of {grain.Name} is not reached");
            told = crossing.AtPercent;
        }

        foreach (AuditLadder.Step step in grain.Steps)
        {
            bool isMissed = step.IsNotified && step.Percent > Math.Max(told, grain.ToldPercent)
                && grain.Reaches(after, step.Percent);
            if (isMissed) state.Find(AuditRule.Tiers, $"tier {step.Percent} of {grain.Name} is reached and not told");
        }
    }
}
