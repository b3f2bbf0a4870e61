using System.Numerics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Faults.Tests;

/// <summary>
/// Holds a silo that was stopped by whatever means to what its clients wrote down: every acknowledged call is in the ledger once,
/// nothing is there that nobody asked for, balances and reports equal the naive sum, and a repeated call changes nothing.
/// </summary>
internal sealed class Verdict(BudgetClient client, Load load, Diary diary, string told)
{
    private const int RepeatedCallsMax = 500;

    public async Task ReachAsync()
    {
        var intents = diary.ReadIntents().ToDictionary(intent => intent.RequestId);
        var results = diary.ReadResults();
        var entries = await client.ListEntriesAsync();
        CheckOrder(entries);
        CheckEveryAcknowledgedCallIsThereOnce(intents, results, entries);
        CheckEveryEntryWasAskedFor(intents, entries);
        await CheckBalancesAsync(entries);
        await CheckReportAsync(entries);
        await CheckRepeatedCallsAsync(intents, results, entries.Count);
    }

    private void CheckOrder(List<LedgerEvent> entries)
    {
        for (int i = 0; i < entries.Count; i++)
        {
            Require(entries[i].Sequence == i + 1, $"entry {i + 1} has sequence {entries[i].Sequence}");
            if (i == 0) continue;
            Require(
                entries[i].Time.ToDateTimeOffset() >= entries[i - 1].Time.ToDateTimeOffset(),
                $"the time of entry {i + 1} goes back");
        }
    }

    private void CheckEveryAcknowledgedCallIsThereOnce(
        Dictionary<string, Intent> intents, List<Result> results, List<LedgerEvent> entries)
    {
        Require(results.Count > 0, "nothing was acknowledged");
        Require(results.Count == intents.Count, $"{intents.Count} calls were begun and {results.Count} answered");
        var entriesById = entries.ToLookup(entry => entry.RequestId);
        foreach (var result in results)
        {
            var found = entriesById[result.RequestId].ToList();
            Require(found.Count == 1, $"{result} is in the ledger {found.Count} times");
            Require(Matches(intents[result.RequestId], result, found[0]), $"{result} is in the ledger as {found[0]}");
        }
    }

    private static bool Matches(Intent intent, Result result, LedgerEvent entry) => intent.Kind switch
    {
        nameof(ReserveTokensRequest) => entry.ReservationHeld is { } held
            && result.Reservation == $"r{entry.Sequence}"
            && held.CostNanos == result.CostNanos
            && held.Tokens == intent.InputTokens + intent.OutputTokens,
        nameof(CommitTokensRequest) => entry.ReservationSettled is { } settled
            && intent.Reservation == $"r{settled.Reservation}"
            && settled.CostNanos == result.CostNanos
            && settled.OverrunNanos == result.OverrunNanos
            && settled.Tokens == intent.InputTokens + intent.OutputTokens,
        nameof(ReleaseTokensRequest) => entry.ReservationReleased is { } released
            && intent.Reservation == $"r{released.Reservation}"
            && released.ReleasedNanos == result.CostNanos,
        _ => false,
    };

    private void CheckEveryEntryWasAskedFor(Dictionary<string, Intent> intents, List<LedgerEvent> entries)
    {
        foreach (var entry in entries)
        {
            bool isAsked = entry.FactCase is LedgerEvent.FactOneofCase.CatalogApplied or LedgerEvent.FactOneofCase.SessionOpened
                || intents.ContainsKey(entry.RequestId);
            Require(isAsked, $"nobody asked for {entry}");
        }
    }

    private async Task CheckBalancesAsync(List<LedgerEvent> entries)
    {
        foreach (string grain in (string[])[Grains.Tenant, Grains.BusinessUnit, Grains.UseCase, Grains.Agent])
        {
            var answer = await client.GetBalanceAsync(new GetBalanceRequest { Grain = grain });
            CheckBalance(answer.Grains.Single(), NaiveSums.Of(entries));
        }
        foreach (string token in load.Sessions)
        {
            var answer = await client.GetBalanceAsync(new GetBalanceRequest { SessionToken = token });
            var session = answer.Grains[0];
            Require(answer.Grains.Count == 5, $"a path of {answer.Grains.Count} grains");
            CheckBalance(session, NaiveSums.Of(entries.Where(entry => entry.Spender?.Session == session.Grain)));
        }
    }

    private void CheckBalance(GrainBalance balance, NaiveSums sums) => Require(
        Grains.Nanos(balance.Settled) == sums.SettledNanos
        && Grains.Nanos(balance.Held) == sums.HeldNanos
        && Grains.Nanos(balance.Overrun) == sums.OverrunNanos
        && balance.SettledTokens == sums.SettledTokens
        && balance.HeldTokens == sums.HeldTokens,
        $"the balance is {balance}, the ledger's sum {sums}");

    private async Task CheckReportAsync(List<LedgerEvent> entries)
    {
        var report = await client.GetChargebackAsync(new GetChargebackRequest { GroupBy = { "session" } });
        var sums = NaiveSums.Of(entries);
        Require(
            Grains.Nanos(report.Total.Cost) == sums.SettledNanos && report.Total.Calls == sums.Calls,
            $"the report's total is {report.Total}, the ledger's sum {sums}");
        var rows = report.Rows.Aggregate(BigInteger.Zero, (sum, row) => sum + Grains.Nanos(row.Cost));
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
