using System.Numerics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Faults.Tests;

/// <summary>
/// Holds a silo that was stopped by whatever means to what its clients wrote down: every acknowledged call is in the
/// ledger once, nothing is there that nobody asked for, balances and reports equal the naive sum, and a repeated call
/// changes nothing.
/// </summary>
internal sealed class Verdict(BudgetClient client, Load load, Diary diary, string told)
{
    private const int FaultsShownMax = 20;
    private const int RepeatedCallsMax = 500;

    public async Task ReachAsync()
    {
        var intents = diary.ReadIntents().ToDictionary(intent => intent.RequestId);
        var results = diary.ReadResults();
        var entries = await client.ListEntriesAsync();
        string[] faults = [.. LedgerCheck.Faults(intents, results, entries)];
        Require(faults.Length == 0, string.Join('\n', faults.Take(FaultsShownMax)));
        await CheckBalancesAsync(entries);
        await CheckReportAsync(entries);
        await CheckRepeatedCallsAsync(intents, results, entries.Count);
    }

    private async Task CheckBalancesAsync(List<LedgerEvent> entries)
    {
        foreach (string grain in (string[])[Accounts.Tenant, Accounts.BusinessUnit, Accounts.UseCase, Accounts.Agent])
        {
            var answer = await client.GetBalanceAsync(new GetBalanceRequest { Grain = grain });
            CheckBalance(answer.Grains.Single(), NaiveSums.Of(entries));
        }
        foreach (string token in load.Sessions)
        {
            var answer = await client.GetBalanceAsync(new GetBalanceRequest { SessionToken = token });
            var session = answer.Grains[0];
            Require(answer.Grains.Count == 5, $"a path of {answer.Grains.Count} accounts");
            CheckBalance(session, NaiveSums.Of(entries.Where(entry => entry.Spender?.Session == session.Grain)));
        }
    }

    private void CheckBalance(GrainBalance balance, NaiveSums sums) => Require(
        Accounts.Nanos(balance.Settled) == sums.SettledNanos
        && Accounts.Nanos(balance.Held) == sums.HeldNanos
        && Accounts.Nanos(balance.Overrun) == sums.OverrunNanos
        && balance.SettledTokens == sums.SettledTokens
        && balance.HeldTokens == sums.HeldTokens,
        $"the balance is {balance}, the ledger's sum {sums}");

    private async Task CheckReportAsync(List<LedgerEvent> entries)
    {
        var report = await client.GetChargebackAsync(new GetChargebackRequest { GroupBy = { "session" } });
        var sums = NaiveSums.Of(entries);
        Require(
            Accounts.Nanos(report.Total.Cost) == sums.SettledNanos && report.Total.Calls == sums.Calls,
            $"the report's total is {report.Total}, the ledger's sum {sums}");
        var rows = report.Rows.Aggregate(BigInteger.Zero, (sum, row) => sum + Accounts.Nanos(row.Cost));
        Require(rows == sums.SettledNanos, $"the report's rows sum to {rows}, the ledger to {sums}");
    }

    private async Task CheckRepeatedCallsAsync(Dictionary<string, Intent> intents, List<Result> results, int entryCount)
    {
        int step = Math.Max(1, results.Count / RepeatedCallsMax);
        for (int i = 0; i < results.Count; i += step)
        {
            var again = await load.AskAsync(intents[results[i].RequestId]);
            Require(again == results[i], $"{results[i]} was answered {again} when asked again");
        }
        int now = (await client.ListEntriesAsync()).Count;
        Require(now == entryCount, $"repeated calls made {now - entryCount} entries");
    }

    private void Require(bool condition, string fault) => Assert.True(condition, $"{fault}; {told}");
}
