using AgentBudget.Protocol.V1;

namespace AgentBudget.Faults.Tests;

/// <summary>
/// Compares a ledger with what was asked and answered. Knows nothing of a silo, so that it can be seen to fail.
/// </summary>
internal static class LedgerCheck
{
    /// <summary>A sentence for everything that is wrong.</summary>
    public static IEnumerable<string> Faults(History history, IReadOnlyList<LedgerEvent> entries) =>
    [
        .. OrderFaults(entries),
        .. AnswerFaults(history.Writes, history.Results, history.GivenUp, entries),
        .. UnaskedFaults(history.Writes, entries),
    ];

    private static IEnumerable<string> OrderFaults(IReadOnlyList<LedgerEvent> entries)
    {
        for (int i = 0; i < entries.Count; i++)
        {
            if (entries[i].Sequence != i + 1) yield return $"entry {i + 1} has sequence {entries[i].Sequence}";
            if (i > 0 && entries[i].Time.ToDateTimeOffset() < entries[i - 1].Time.ToDateTimeOffset())
                yield return $"the time of entry {i + 1} goes back";
        }
    }

    private static IEnumerable<string> AnswerFaults(
        IReadOnlyDictionary<string, Intent> intents,
        IReadOnlyList<Result> results,
        IReadOnlySet<string> givenUp,
        IReadOnlyList<LedgerEvent> entries)
    {
        if (results.Count == 0) yield return "nothing was acknowledged";
        if (results.Count + givenUp.Count != intents.Count)
            yield return $"{intents.Count} calls were begun, {results.Count} answered and {givenUp.Count} given up";
        var entriesById = entries.ToLookup(entry => entry.RequestId);
        foreach (string id in givenUp)
        {
            int times = entriesById[id].Count();
            if (times > 1) yield return $"{id}, which was given up, is in the ledger {times} times";
        }

        // A reservation's id says nothing of its number: the answer to its reserve is what joins the two.
        var numbers = results
            .Where(result => intents[result.RequestId].Kind == nameof(ReserveTokensRequest))
            .ToDictionary(
                result => result.Reservation, result => entriesById[result.RequestId].FirstOrDefault()?.Sequence ?? 0);
        foreach (var result in results)
        {
            var found = entriesById[result.RequestId].ToList();
            if (found.Count != 1)
                yield return $"{result} is in the ledger {found.Count} times";
            else if (!Matches(intents[result.RequestId], result, found[0], numbers))
                yield return $"{result} is in the ledger as {found[0]}";
        }
    }

    private static IEnumerable<string> UnaskedFaults(
        IReadOnlyDictionary<string, Intent> intents, IReadOnlyList<LedgerEvent> entries) =>
        from entry in entries
        where entry.FactCase is not LedgerEvent.FactOneofCase.CatalogApplied
            && entry.FactCase is not LedgerEvent.FactOneofCase.SessionOpened
            && !intents.ContainsKey(entry.RequestId)
        select $"nobody asked for {entry}";

    private static bool Matches(
        Intent intent, Result result, LedgerEvent entry, Dictionary<string, long> numbers) => intent.Kind switch
        {
            nameof(ReserveTokensRequest) => entry.ReservationHeld is { } held
                && held.CostNanos == result.CostNanos
                && held.Tokens == intent.InputTokens + intent.OutputTokens,
            nameof(CommitTokensRequest) => entry.ReservationSettled is { } settled
                && numbers.GetValueOrDefault(intent.Reservation) == settled.Reservation
                && settled.CostNanos == result.CostNanos
                && settled.OverrunNanos == result.OverrunNanos
                && settled.Tokens == intent.InputTokens + intent.OutputTokens,
            nameof(ReleaseTokensRequest) => entry.ReservationReleased is { } released
                && numbers.GetValueOrDefault(intent.Reservation) == released.Reservation
                && released.ReleasedNanos == result.CostNanos,
            _ => false,
        };
}
