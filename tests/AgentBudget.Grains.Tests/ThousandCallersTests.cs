using AgentBudget.Audit;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Tests;

/// <summary>What is left of a budget is given out once, whichever silo is asked.</summary>
public sealed class ThousandCallersTests
{
    private const long LimitNanos = 1_000_000_000;
    private const int Callers = 1000;

    [Fact]
    public async Task A_thousand_callers_through_three_silos_are_granted_exactly_what_fits()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        long[] sessions = await Acme.BeginAsync(cluster.Silos[0], sessions: 20, LimitNanos);
        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, Callers).Select(i => Task.Run(
            () => cluster.Silos[i % 3].SendAsync(Acme.Reserve(sessions[i % sessions.Length], $"r{i}")))));

        Assert.All(answers, answer => Assert.Equal(Ledger.Outcome.Done, answer.Outcome));
        const int Fit = (int)(LimitNanos / Acme.CallNanos);
        Assert.Equal(Fit, answers.Count(answer => answer.Event!.ReservationHeld is not null));
        Assert.Equal(Callers - Fit, answers.Count(answer => answer.Event!.ReservationRefused is not null));

        (AuditReport report, List<LedgerEvent> journal) = await cluster.AuditAsync();
        Assert.Equal(Fit, journal.Count(read => read.ReservationHeld is not null));
        Assert.Equal(Fit, report.Totals.Granted);
        foreach (Answer answer in answers.Where(answer => answer.Event!.Sequence > 0))
            Assert.Equal(journal[(int)answer.Event!.Sequence - 1], answer.Event);
        const long HeldNanos = Fit * Acme.CallNanos;
        foreach (ClusterSilo silo in cluster.Silos) await AssertAccountsAgreeAsync(silo, sessions, HeldNanos);
        AuditBalance[] accounts = [.. report.Balances.Where(
            balance => !balance.Account.StartsWith("sessions/", StringComparison.Ordinal))];
        Assert.Equal(4, accounts.Length);
        Assert.All(accounts, account => Assert.Equal(HeldNanos, (long)account.HeldNanos));
    }

    private static async Task AssertAccountsAgreeAsync(ClusterSilo silo, long[] sessions, long heldNanos)
    {
        long ofSessions = 0;
        foreach (long session in sessions)
        {
            GetBalanceResponse path = await Acme.BalanceAsync(silo, session);
            Assert.Equal(5, path.Grains.Count);
            ofSessions += HeldNanosOf(path.Grains[0]);
            Assert.All(path.Grains.Skip(1), balance => Assert.Equal(heldNanos, HeldNanosOf(balance)));
        }

        Assert.Equal(heldNanos, ofSessions);
    }

    private static long HeldNanosOf(GrainBalance balance) =>
        (balance.Held.Units * 1_000_000_000) + balance.Held.Nanos;
}
