using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

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
                account => account.Name == crossing.Grain && account.Window == crossing.Window);
            if (!isOnPath) state.Find(AuditRule.Tiers, $"{crossing.Grain} is not on its path");
        }

        foreach (AuditAccount account in session.Windows)
        {
            if (account.Steps.Count > 0) Check(state, account, crossed, charge);
        }
    }

    /// <summary>The tiers of one window.</summary>
    public static void Check(
        AuditState state, AuditAccount account, IReadOnlyList<TierCrossing> crossed, AuditAmount charge)
    {
        AuditAmount after = account.Settled + charge;
        int told = account.ToldPercent;
        foreach (TierCrossing crossing in crossed)
        {
            if (crossing.Grain != account.Name || crossing.Window != account.Window) continue;
            bool isTier = account.Steps.Any(step => step.IsNotified && step.Percent == crossing.AtPercent);
            if (crossing.AtPercent <= told)
                state.Find(AuditRule.Tiers, $"tier {crossing.AtPercent} of {account.Name} was told before");
            else if (!isTier || !account.Reaches(after, crossing.AtPercent))
                state.Find(AuditRule.Tiers, $"tier {crossing.AtPercent} of {account.Name} is not reached");
            told = crossing.AtPercent;
        }

        foreach (AuditLadder.Step step in account.Steps)
        {
            bool isMissed = step.IsNotified && step.Percent > Math.Max(told, account.ToldPercent)
                && account.Reaches(after, step.Percent);
            if (isMissed) state.Find(AuditRule.Tiers, $"tier {step.Percent} of {account.Name} is reached and not told");
        }
    }
}
