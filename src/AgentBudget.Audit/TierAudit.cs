using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Tiers that a charge reaches.</summary>
internal static class TierAudit
{
    public static void Check(
        AuditState state,
        IReadOnlyList<AuditAccount> windows,
        IReadOnlyList<TierCrossing> crossed,
        AuditAmount charge)
    {
        CheckPath(state, windows, crossed);
        CheckTold(state, windows, crossed, charge);
    }

    /// <summary>Only windows that are charged have their tiers told.</summary>
    public static void CheckPath(
        AuditState state, IEnumerable<AuditAccount> windows, IReadOnlyList<TierCrossing> crossed)
    {
        if (!state.IsEventClean) return;
        foreach (TierCrossing crossing in crossed)
        {
            bool isOnPath = windows.Any(
                account => account.Name == crossing.Grain && account.Window == crossing.Window);
            if (!isOnPath) state.Find(AuditRule.Tiers, $"{crossing.Grain} is not on its path");
        }
    }

    /// <summary>Every tier that a charge reaches is told, and no other.</summary>
    public static void CheckTold(
        AuditState state, IEnumerable<AuditAccount> windows, IReadOnlyList<TierCrossing> crossed, AuditAmount charge)
    {
        if (!state.IsEventClean) return;
        foreach (AuditAccount account in windows)
        {
            if (account.Steps.Count > 0) Check(state, account, crossed, charge);
        }
    }

    /// <summary>Tiers that exposure reaches with a further amount, and settled spend has not, are told.</summary>
    public static void CheckHeld(
        AuditState state,
        IEnumerable<AuditAccount> windows,
        IReadOnlyList<TierCrossing> told,
        Func<AuditAccount, AuditAmount> furtherOf)
    {
        if (!state.IsEventClean) return;
        IEnumerable<(string, string, int)> should = windows.SelectMany(window => window.Steps
            .Where(step => step.IsNotified && step.Percent > window.ToldPercent
                && window.Reaches(window.Exposure + furtherOf(window), step.Percent)
                && !window.Reaches(window.Exposure, step.Percent))
            .Select(step => (window.Name, window.Window, step.Percent)));
        IEnumerable<(string, string, int)> are = told.Select(notice => (notice.Grain, notice.Window, notice.AtPercent));
        if (!should.SequenceEqual(are))
            state.Find(AuditRule.Tiers, $"with it {string.Join(", ", should)} are held, and it says {told}");
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
