using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting.Anomalies;

/// <summary>
/// One report of what stands out, in three steps: days and runs are read, every rule judges them, and the spend that
/// explains each alarm is read in one pass. Judging takes seconds for many agents and needs no file, so nobody has to
/// wait for it.
/// </summary>
internal sealed class AnomalyReport(SqliteConnection connection, TenantSums sums, AnomalyQuery query)
{
    private const int AnomaliesMax = 500; // As the contract says; the answer stays below 4 MB.
    private const int CasesMax = 10_000; // Alarms that are explained; each keeps what its spend is made of.
    private const int EntitiesMax = 1_000; // As the contract says; a year of each takes about 10 ms to judge.
    private const int DriftDays = 56; // A drift that began before them is told late.
    private const int RunDays = 56; // Runs are compared with those of as many days before.
    private const int DaysPerMonth = 30;

    private static readonly AnomalyRule[] Rules =
        [AnomalyRule.Day, AnomalyRule.Drift, AnomalyRule.RunCost, AnomalyRule.RunSubagents];

    private readonly LocalDays _days = new(sums.TimeZone);
    private readonly string _currency = sums.Currency;
    private readonly List<AnomalyCase> _cases = [];
    private readonly Dictionary<AnomalyRule, AnomalyReplay> _replays =
        Rules.ToDictionary(rule => rule, rule => new AnomalyReplay { Rule = rule });

    private readonly Dictionary<string, List<AnomalyCase>> _ofGrain = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<AnomalyCase>> _ofRun = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<AnomalyCase>> _ofUsualRun = new(StringComparer.Ordinal);
    private List<EntityDays> _entities = [];
    private List<RunSpend> _runs = [];
    private int _firstDay;
    private int _lastDay;
    private int _today;

    /// <summary>The first step.</summary>
    public void Read()
    {
        _today = _days.DayOf(LocalDays.QuarterOf(query.Now));
        _firstDay = _days.DayOf(LocalDays.QuarterOf(query.Start));
        _lastDay = Math.Min(_today, _days.DayOf(LocalDays.QuarterOf(query.End.AddTicks(-1))));
        if (_lastDay < _firstDay) return;
        int first = _firstDay - DriftDays - DayAnomalies.HistoryDaysMax;
        _entities = EntityDays.Read(connection, sums.Tenant, _days, first, _lastDay);
        if (query.Grain.Length > 0) _entities = [.. _entities.Where(entity => entity.Grain == query.Grain)];
        _runs = RunReader.Read(
            connection, sums.Tenant, _days.FirstOf(_firstDay - RunDays), _days.FirstOf(_lastDay + 1));
    }

    /// <summary>The second step. Needs nothing but what was read.</summary>
    public void Judge()
    {
        foreach (EntityDays entity in _entities.Take(EntitiesMax)) Judge(entity);
        JudgeRuns();
    }

    /// <summary>The third step.</summary>
    public GetAnomaliesResponse Explain()
    {
        if (_cases.Count > 0) ReadCauses();
        int judged = Math.Min(_entities.Count, EntitiesMax);
        var response = new GetAnomaliesResponse
        {
            Entities = judged,
            EntitiesLeft = _entities.Count - judged,
            Sequence = sums.Position,
            AsOf = sums.Time,
        };
        IEnumerable<AnomalyCase> most = _cases.OrderByDescending(one => one.ExcessNanos)
            .ThenBy(one => one.Anomaly.Grain, StringComparer.Ordinal).Take(AnomaliesMax);
        response.Anomalies.Add(most.Select(one => one.Finish(_currency)));
        response.Replays.Add(Rules.Select(Finish));
        return response;
    }

    private void Judge(EntityDays entity)
    {
        var scores = new DayScore?[entity.DayNanos.Length];
        int from = Math.Max(DayAnomalies.WarmUpDays, _firstDay - DriftDays - entity.FirstDay);
        for (int day = from; day < scores.Length; day++)
        {
            scores[day] = DayAnomalies.Score(entity.DayNanos.AsSpan(0, day + 1), entity.FirstWeekday);
            if (scores[day] is not { } score || entity.FirstDay + day < _firstDay) continue;
            _replays[AnomalyRule.Day].EntityDays++;
            if (entity.FirstDay + day < _today) _replays[AnomalyRule.Drift].EntityDays++;
            if (DayAnomalies.Judge(score, day, query.FloorNanos) is { } found) Add(entity, found);
        }

        // A day that runs is no day to count: it has settled too little.
        int whole = Math.Clamp(_today - entity.FirstDay, 0, scores.Length);
        foreach (DriftAnomaly found in DriftAnomalies.Find(scores.AsSpan(0, whole), query.FloorNanos))
        {
            if (entity.FirstDay + found.Day >= _firstDay) Add(entity, found);
        }
    }

    private void Add(EntityDays entity, DayAnomaly found)
    {
        bool isWeekend = DayAnomalies.IsWeekend(found.Day, entity.FirstWeekday);
        HashSet<int> usual =
        [
            .. Enumerable.Range(found.Day - DayAnomalies.WarmUpDays, DayAnomalies.WarmUpDays)
                .Where(day => DayAnomalies.IsWeekend(day, entity.FirstWeekday) == isWeekend)
                .Select(day => entity.FirstDay + day),
        ];
        Anomaly anomaly = Make(AnomalyRule.Day, entity.Grain, found.ScoreMilli, found.DaysUsed);
        anomaly.Expected = ToMoney(found.ExpectedNanos);
        anomaly.Band = ToMoney(found.BandNanos);
        Add(anomaly, entity, found.Day, found.Day, found.ExpectedNanos, found.BandNanos, usual);
    }

    private void Add(EntityDays entity, DriftAnomaly found)
    {
        HashSet<int> usual =
        [
            .. Enumerable.Range(found.FirstDay - DayAnomalies.WarmUpDays, DayAnomalies.WarmUpDays)
                .Select(day => entity.FirstDay + day),
        ];
        Anomaly anomaly = Make(AnomalyRule.Drift, entity.Grain, found.ScoreMilli, found.DaysUsed);
        anomaly.Expected = ToMoney(found.ExpectedNanos);
        Add(anomaly, entity, found.FirstDay, found.Day, found.ExpectedNanos, band: 0, usual);
    }

    private void Add(
        Anomaly anomaly, EntityDays entity, int first, int last, long expected, long band, HashSet<int> usual) =>
        AddCase(_ofGrain, entity.Grain, new AnomalyCase
        {
            Anomaly = anomaly,
            ExpectedNanos = expected,
            First = _days.FirstOf(entity.FirstDay + first),
            End = _days.FirstOf(entity.FirstDay + last + 1),
            Band = band,
            UsualDays = usual,
            Span = last - first + 1,
            UsualCount = usual.Count,
        });

    private void JudgeRuns()
    {
        IEnumerable<RunSpend> runs = _runs.Where(
            run => query.Grain.Length == 0 || query.Grain == run.Agent || query.Grain == run.UseCase);
        var firstJudged = new Dictionary<(string, string), long>();
        IReadOnlyList<RunAnomaly> found = RunAnomalies.Find(
            runs,
            _days.FirstOf(_firstDay),
            query.FloorNanos,
            run => firstJudged.TryAdd((run.Agent, run.UseCase), run.First));
        foreach (RunAnomaly anomaly in found) Add(anomaly);
        long days = firstJudged.Values.Sum(first => _lastDay - _days.DayOf(first) + 1L);
        _replays[AnomalyRule.RunCost].EntityDays = days;
        _replays[AnomalyRule.RunSubagents].EntityDays = days;
    }

    private void Add(RunAnomaly found)
    {
        RunSpend run = found.Run;
        AnomalyRule rule = found.IsOfSubagents ? AnomalyRule.RunSubagents : AnomalyRule.RunCost;
        Anomaly anomaly = Make(rule, run.Name, found.ScoreMilli, found.Before.Count);
        anomaly.Agent = run.Agent;
        anomaly.UseCase = run.UseCase;
        anomaly.HasSucceeded = run.HasSucceeded;
        long expected = found.IsOfSubagents ? MedianOf(found.Before) : found.Expected;
        anomaly.Expected = ToMoney(expected);
        if (!found.IsOfSubagents) anomaly.Band = ToMoney(found.Band);
        else
            anomaly.Subagents = new SubagentCount
            {
                Count = run.Subagents,
                Expected = found.Expected,
                Band = found.Band,
            };

        if (run.HasSucceeded) _replays[rule].Succeeded++;
        var made = new AnomalyCase
        {
            Anomaly = anomaly,
            ExpectedNanos = expected,
            First = run.First,
            End = run.Last + 1,
            Band = found.Band,
            UsualCount = found.Before.Count,
        };
        AddCase(_ofRun, run.Name, made);
        foreach (RunSpend usual in found.Before)
        {
            if (!_ofUsualRun.TryGetValue(usual.Name, out List<AnomalyCase>? cases))
                _ofUsualRun.Add(usual.Name, cases = []);
            cases.Add(made);
        }
    }

    // What a run that has too many subagents should have cost.
    private static long MedianOf(IReadOnlyList<RunSpend> runs) =>
        (long)Statistics.Robust.Median([.. runs.Select(run => (double)run.Nanos)]);

    private void AddCase(Dictionary<string, List<AnomalyCase>> index, string name, AnomalyCase made)
    {
        if (_cases.Count == CasesMax)
            throw new ReportException(
                ReportFault.TooManyRows,
                $"more than {CasesMax} things stand out: narrow the period or raise the floor");
        made.Anomaly.StartTime = Timestamp.FromDateTimeOffset(LocalDays.TimeOf(made.First));
        made.Anomaly.EndTime = Timestamp.FromDateTimeOffset(LocalDays.TimeOf(made.End));
        _replays[made.Anomaly.Rule].Alarms++;
        _cases.Add(made);
        if (!index.TryGetValue(name, out List<AnomalyCase>? cases)) index.Add(name, cases = []);
        cases.Add(made);
    }

    private void ReadCauses()
    {
        long first = _cases.Min(one => one.UsualDays.Count == 0 ? one.First : _days.FirstOf(one.UsualDays.Min()));
        if (_ofRun.Count > 0) first = Math.Min(first, _days.FirstOf(_firstDay - RunDays));
        long end = _cases.Max(one => one.LastRead);
        foreach ((CauseRow row, string agent, string useCase) in CauseReader.Read(connection, sums.Tenant, first, end))
        {
            int day = _days.DayOf(row.Quarter);
            foreach (string grain in (ReadOnlySpan<string>)[agent, useCase])
            {
                if (!_ofGrain.TryGetValue(grain, out List<AnomalyCase>? cases)) continue;
                foreach (AnomalyCase one in cases)
                {
                    if (one.UsualDays.Contains(day)) one.AddUsual(row);
                    else if (row.Quarter >= one.First && row.Quarter < one.LastRead) one.Add(row);
                }
            }

            if (_ofRun.TryGetValue(row.Run, out List<AnomalyCase>? ofRun))
            {
                foreach (AnomalyCase one in ofRun.Where(one => row.Quarter >= one.First && row.Quarter < one.End))
                    one.Add(row);
            }

            if (_ofUsualRun.TryGetValue(row.Run, out List<AnomalyCase>? usual))
                foreach (AnomalyCase one in usual) one.AddUsual(row);
        }
    }

    private AnomalyReplay Finish(AnomalyRule rule)
    {
        AnomalyReplay replay = _replays[rule];
        Int128 after = 0;
        foreach (AnomalyCase one in _cases.Where(one => one.Anomaly.Rule == rule)) after += one.AfterNanos;
        replay.After = ReportTerms.ToMoney(after, _currency);
        if (replay.EntityDays > 0)
            replay.AlarmsPerEntityMonthMilli =
                (long)Math.Round(replay.Alarms * DaysPerMonth * 1000.0 / replay.EntityDays);
        return replay;
    }

    private static Anomaly Make(AnomalyRule rule, string grain, long scoreMilli, int used) =>
        new() { Rule = rule, Grain = grain, ScoreMilli = scoreMilli, Used = used };

    private Money ToMoney(long nanos) => ReportTerms.ToMoney(nanos, _currency);
}
