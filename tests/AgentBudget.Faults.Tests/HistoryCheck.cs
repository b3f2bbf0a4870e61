using AgentBudget.Protocol.V1;

namespace AgentBudget.Faults.Tests;

/// <summary>
/// Whether a history is linearizable by the order of the ledger: each write takes effect at its entry's sequence, each
/// read shows the state behind some entry, and what ended before something else began comes before it. Since the order
/// of writes is known, a walk through the moments of the history suffices: whatever has ended lifts a floor, and what
/// begins then lies above it. A read takes the first place above its floor that shows what it was told, which leaves
/// most room to all others. Clients ask one after the other, so none sees the ledger go back. What was given up has no
/// end: it took effect once after it began, or not at all.
/// </summary>
internal static class HistoryCheck
{
    /// <summary>A sentence for everything that is wrong.</summary>
    public static IEnumerable<string> Faults(History history, IReadOnlyList<LedgerEvent> entries)
    {
        Replay replay = new(entries);
        ILookup<string, LedgerEvent> entriesById = entries.ToLookup(entry => entry.RequestId);
        Dictionary<string, long> floors = [];
        long floor = 0;
        foreach (Moment moment in Moments(history))
        {
            if (moment.IsBegin)
            {
                floors[moment.RequestId] = floor;
                continue;
            }

            long above = floors[moment.RequestId];
            long place = moment.Reading is { } reading
                ? replay.FirstPlace(reading, above)
                : entriesById[moment.RequestId].FirstOrDefault()?.Sequence ?? 0;
            if (moment.Reading is not null && place < 0)
                yield return $"{Told(moment.Reading)} was true at no entry from {above} on, where it began";
            else if (moment.Reading is null && place > 0 && place <= above)
                yield return $"{moment.RequestId} is entry {place} and began when {above} was known";
            floor = Math.Max(floor, place);
        }

        foreach (string fault in GivenUpFaults(history, entriesById, floors)) yield return fault;
    }

    private static IEnumerable<string> GivenUpFaults(
        History history, ILookup<string, LedgerEvent> entriesById, Dictionary<string, long> floors) =>
        from id in history.GivenUp
        from entry in entriesById[id]
        where entry.Sequence <= floors[id]
        select $"{id}, which was given up, is entry {entry.Sequence} and began when {floors[id]} was known";

    // Of two moments of one tick the begin is first: whether the two were one after the other is not known.
    private static IEnumerable<Moment> Moments(History history) =>
        history.Writes.Values.Concat(history.Reads.Values)
            .Select(intent => new Moment(intent.At, IsBegin: true, intent.RequestId, null))
            .Concat(history.Results.Select(result => new Moment(result.At, IsBegin: false, result.RequestId, null)))
            .Concat(history.Readings.Select(
                reading => new Moment(reading.At, IsBegin: false, reading.RequestId, reading)))
            .OrderBy(moment => moment.At)
            .ThenByDescending(moment => moment.IsBegin);

    private static string Told(Reading reading) => $"{reading.RequestId}: {string.Join(' ', reading.Balances)}";

    private readonly record struct Moment(long At, bool IsBegin, string RequestId, Reading? Reading);

    /// <summary>The sums behind each entry, of all and of each session.</summary>
    private sealed class Replay
    {
        private readonly List<NaiveSums> _all = [NaiveSums.Empty];
        private readonly Dictionary<string, List<(long Sequence, NaiveSums Sums)>> _sessions = [];

        public Replay(IReadOnlyList<LedgerEvent> entries)
        {
            NaiveSums.Running all = new();
            Dictionary<string, NaiveSums.Running> sessions = [];
            foreach (LedgerEvent entry in entries)
            {
                all.Add(entry);
                _all.Add(all.Now);
                if (entry.Spender?.Session is not { Length: > 0 } session) continue;
                if (!sessions.TryGetValue(session, out NaiveSums.Running? sums))
                {
                    sessions.Add(session, sums = new NaiveSums.Running());
                    _sessions.Add(session, [(0, NaiveSums.Empty)]);
                }

                if (sums.Add(entry)) _sessions[session].Add((entry.Sequence, sums.Now));
            }
        }

        /// <summary>The first entry from one on behind which a reading is true; -1 where there is none.</summary>
        public long FirstPlace(Reading reading, long from)
        {
            GrainBalance[] told = [.. reading.Balances.Select(GrainBalance.Parser.ParseJson)];
            for (int place = (int)from; place < _all.Count; place++)
            {
                bool isTrue = told.Skip(1).All(balance => _all[place].Is(balance))
                    && SessionAt(reading.Session, place).Is(told[0]);
                if (isTrue) return place;
            }

            return -1;
        }

        private NaiveSums SessionAt(string session, long place)
        {
            if (!_sessions.TryGetValue(session, out List<(long Sequence, NaiveSums Sums)>? sums))
                return NaiveSums.Empty;
            int low = 0, high = sums.Count;
            while (low < high)
            {
                int middle = low + ((high - low) / 2);
                if (sums[middle].Sequence <= place) low = middle + 1;
                else high = middle;
            }

            return sums[low - 1].Sums;
        }
    }
}
