using System.Numerics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Faults.Tests;

/// <summary>
/// Holds a silo that was stopped by whatever means to what its clients wrote down: every acknowledged call is in the
/// ledger once, nothing is there that nobody asked for, all calls and reads are in one order that agrees with the
/// clients' clock, balances and reports equal the naive sum, and a repeated call changes nothing.
/// </summary>
internal sealed class Verdict(
    BudgetClient client, Load load, Diary diary, string told, int repeatedCallsMax = Verdict.RepeatedCallsMax)
{
    private const int FaultsShownMax = 20;
    private const int RepeatedCallsMax = 500;

    public async Task ReachAsync()
    {
        History history = diary.Read();
        List<LedgerEvent> entries = await ListAsync();
        Require([.. LedgerCheck.Faults(history, entries)]);
        Require([.. HistoryCheck.Faults(history, entries)]);
        await CheckBalancesAsync(entries);
        await CheckReportAsync(entries);
        await CheckRepeatedCallsAsync(history, entries.Count);
    }

    // A call that was given up may have been on its way still.
    private async Task<List<LedgerEvent>> ListAsync()
    {
        List<LedgerEvent> entries = await client.ListEntriesAsync();
        while (true)
        {
            List<LedgerEvent> again = await client.ListEntriesAsync();
            if (again.Count == entries.Count) return again;
            entries = again;
        }
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

    private void CheckBalance(GrainBalance balance, NaiveSums sums) =>
        Require(sums.Is(balance), $"the balance is {balance}, the ledger's sum {sums}");

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

    private async Task CheckRepeatedCallsAsync(History history, int entryCount)
    {
        IReadOnlyList<Result> results = history.Results;
        int step = Math.Max(1, results.Count / repeatedCallsMax);
        for (int i = 0; i < results.Count; i += step)
        {
            var again = await load.AskAsync(history.Writes[results[i].RequestId]);
            Require(again == results[i] with { At = 0 }, $"{results[i]} was answered {again} when asked again");
        }
        int now = (await client.ListEntriesAsync()).Count;
        Require(now == entryCount, $"repeated calls made {now - entryCount} entries");
    }

    private void Require(string[] faults) =>
        Require(faults.Length == 0, string.Join('\n', faults.Take(FaultsShownMax)));

    private void Require(bool condition, string fault) => Assert.True(condition, $"{fault}; {told}");
}
