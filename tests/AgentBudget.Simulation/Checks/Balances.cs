using AgentBudget.Audit;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;

namespace AgentBudget.Simulation.Checks;

/// <summary>What the accounts say of their balances is what the audit counts from the same events.</summary>
internal static class Balances
{
    /// <param name="world">The run.</param>
    /// <param name="journal">The tenant's events.</param>
    /// <param name="balances">What was told.</param>
    /// <param name="process">Who told.</param>
    public static void MustBeNaive(
        SimWorld world, TenantJournal journal, IEnumerable<GrainBalance> balances, SimProcess process)
    {
        AuditReport report = journal.Report();
        foreach (GrainBalance balance in balances)
        {
            AuditBalance? naive = report.Balances.FirstOrDefault(candidate => candidate.Account == balance.Grain);
            if (naive is null) continue; // A session that is over is not in the audit's report.
            if (Difference(balance, naive) is not { } difference) continue;
            world.Fail(
                "balance",
                $"process {process.Number} at event {journal.Events.Count} of {journal.Tenant}: {difference}");
        }
    }

    /// <summary>Where a balance is not what was counted, one sentence; null when it is, in each window.</summary>
    public static string? Difference(GrainBalance balance, AuditBalance naive)
    {
        (string said, string counted) = (Numbers(balance), Numbers(naive));
        if (said != counted) return $"{balance.Grain} says {said}; counted are {counted}";
        if (balance.Windows.Count != naive.Windows.Count)
            return $"{balance.Grain} says {balance.Windows.Count} further windows; there are {naive.Windows.Count}";
        return balance.Windows
            .Zip(naive.Windows, Difference)
            .FirstOrDefault(difference => difference is not null);
    }

    private static string Numbers(GrainBalance balance) => string.Join(
        ", ", balance.Window, Nanos(balance.Settled), Nanos(balance.Held), Nanos(balance.Overrun), Nanos(balance.Limit),
        Nanos(balance.HardCap), balance.SettledTokens, balance.HeldTokens,
        balance.Disputed is null ? "0" : Nanos(balance.Disputed), balance.DisputedTokens,
        balance.HasLimitTokens ? balance.LimitTokens : "none");

    private static string Numbers(AuditBalance balance) => string.Join(
        ", ", balance.Window, balance.SettledNanos, balance.HeldNanos, balance.OverrunNanos,
        balance.LimitNanos?.ToString() ?? "none", balance.HardCapNanos?.ToString() ?? "none", balance.SettledTokens,
        balance.HeldTokens, balance.DisputedNanos, balance.DisputedTokens, balance.LimitTokens?.ToString() ?? "none");

    private static string Nanos(Money? money) =>
        money is null ? "none" : $"{((Int128)money.Units * 1_000_000_000) + money.Nanos}";
}
