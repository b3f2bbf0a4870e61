using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Anomalies;

/// <summary>One row of spend, as far as it explains something.</summary>
internal readonly record struct CauseRow(
    long Quarter,
    string Run,
    string Session,
    string User,
    string Model,
    string Tool,
    Int128 Nanos,
    long Calls,
    long Tokens);

/// <summary>
/// One alarm while the spend that explains it is read, in the order of quarters of an hour: what it is made of, when
/// its band was passed and what came after.
/// </summary>
internal sealed class AnomalyCase
{
    private const int CausesMax = 5;
    private const int UserAt = 2;
    private const int SessionAt = 3;

    private readonly Dictionary<string, (Int128 Now, Int128 Usual)>[] _causes =
        [.. Enumerable.Range(0, SessionAt + 1).Select(_ => new Dictionary<string, (Int128, Int128)>())];

    private readonly HashSet<string> _subagents = new(StringComparer.Ordinal);
    private (Int128 Nanos, Int128 Calls, Int128 Tokens) _now;
    private (Int128 Nanos, Int128 Calls, Int128 Tokens) _usual;
    private Int128 _afterNanos;
    private long? _alarmQuarter;

    /// <summary>What is known before its causes are.</summary>
    public required Anomaly Anomaly { get; init; }

    /// <summary>What was expected.</summary>
    public required Int128 ExpectedNanos { get; init; }

    /// <summary>What it settled above that, once its rows are read.</summary>
    public Int128 ExcessNanos => _now.Nanos - ExpectedNanos;

    /// <summary>Its first quarter of an hour.</summary>
    public required long First { get; init; }

    /// <summary>The first quarter of an hour after it.</summary>
    public required long End { get; init; }

    /// <summary>Up to here it would not have stood out: nanos, or subagents. Zero for a drift.</summary>
    public required Int128 Band { get; init; }

    /// <summary>Days that it is usual to spend like, by number; empty for a run.</summary>
    public IReadOnlySet<int> UsualDays { get; init; } = new HashSet<int>();

    /// <summary>How many days, or runs, it spans.</summary>
    public int Span { get; init; } = 1;

    /// <summary>How many days, or runs, the usual is of.</summary>
    public required int UsualCount { get; init; }

    /// <summary>Its first row and the last that concern it.</summary>
    public long LastRead => IsDrift ? End + DriftAfter : End;

    public Int128 AfterNanos => _afterNanos;

    private bool IsDrift => Anomaly.Rule == AnomalyRule.Drift;

    private bool IsOfSubagents => Anomaly.Rule == AnomalyRule.RunSubagents;

    private static long DriftAfter => 7 * LocalDays.QuartersPerDay;

    /// <summary>Takes a row of what is usual.</summary>
    public void AddUsual(in CauseRow row)
    {
        _usual = (_usual.Nanos + row.Nanos, _usual.Calls + row.Calls, _usual.Tokens + row.Tokens);
        // A session is of one day nearly always, so none is usual.
        ReadOnlySpan<string> names = [row.Model, row.Tool, row.User];
        for (int i = 0; i <= UserAt; i++)
        {
            (Int128 now, Int128 usual) = _causes[i].GetValueOrDefault(names[i]);
            _causes[i][names[i]] = (now, usual + row.Nanos);
        }
    }

    /// <summary>Takes a row of itself, or of what came after a drift.</summary>
    public void Add(in CauseRow row)
    {
        if (row.Quarter >= End)
        {
            _afterNanos += row.Nanos;
            return;
        }

        _now = (_now.Nanos + row.Nanos, _now.Calls + row.Calls, _now.Tokens + row.Tokens);
        ReadOnlySpan<string> names = [row.Model, row.Tool, row.User, row.Session];
        for (int i = 0; i < names.Length; i++)
        {
            (Int128 now, Int128 usual) = _causes[i].GetValueOrDefault(names[i]);
            _causes[i][names[i]] = (now + row.Nanos, usual);
        }

        if (IsDrift) return;
        if (_alarmQuarter is { } alarm && row.Quarter > alarm) _afterNanos += row.Nanos;
        if (row.Session != row.Run) _subagents.Add(row.Session);
        Int128 reached = IsOfSubagents ? _subagents.Count - 1 : _now.Nanos;
        if (reached >= Band) _alarmQuarter ??= row.Quarter;
    }

    /// <summary>The alarm with its causes.</summary>
    public Anomaly Finish(string currency)
    {
        Anomaly.Cost = ReportTerms.ToMoney(_now.Nanos, currency);
        Anomaly.Excess = ReportTerms.ToMoney(ExcessNanos, currency);
        Anomaly.After = ReportTerms.ToMoney(_afterNanos, currency);
        long? told = IsDrift ? End - 1 : _alarmQuarter;
        if (told is { } quarter) Anomaly.AlarmTime = Timestamp.FromDateTimeOffset(LocalDays.TimeOf(quarter + 1));
        Anomaly.Factors = FactorsOf(currency);
        Anomaly.Models.Add(CausesOf(0, currency));
        Anomaly.Tools.Add(CausesOf(1, currency));
        Anomaly.Users.Add(CausesOf(UserAt, currency));
        Anomaly.Sessions.Add(CausesOf(SessionAt, currency));
        return Anomaly;
    }

    private AnomalyFactors? FactorsOf(string currency)
    {
        if (!IsWhole(_now) || !IsWhole(_usual)) return null;
        double calls = Math.Log((double)_now.Calls * UsualCount / ((double)_usual.Calls * Span));
        double tokens = Math.Log((double)_now.Tokens * UsualCount / ((double)_usual.Tokens * Span));
        double cost = Math.Log((double)_now.Nanos * UsualCount / ((double)_usual.Nanos * Span));
        return new AnomalyFactors
        {
            Usual = ReportTerms.ToMoney(UsualOf(_usual.Nanos), currency),
            Calls = calls,
            TokensPerCall = tokens - calls,
            PricePerToken = cost - tokens,
        };
    }

    private static bool IsWhole((Int128 Nanos, Int128 Calls, Int128 Tokens) sum) =>
        sum.Nanos > 0 && sum.Calls > 0 && sum.Tokens > 0;

    private IEnumerable<AnomalyCause> CausesOf(int at, string currency) => _causes[at]
        .Select(cause => (Name: cause.Key, cause.Value.Now, Usual: UsualOf(cause.Value.Usual)))
        .Where(cause => cause.Now > cause.Usual)
        .OrderByDescending(cause => cause.Now - cause.Usual).ThenBy(cause => cause.Name, StringComparer.Ordinal)
        .Take(CausesMax)
        .Select(cause => new AnomalyCause
        {
            Name = cause.Name,
            Cost = ReportTerms.ToMoney(cause.Now, currency),
            Usual = ReportTerms.ToMoney(cause.Usual, currency),
            Excess = ReportTerms.ToMoney(cause.Now - cause.Usual, currency),
        });

    private Int128 UsualOf(Int128 sum) => UsualCount == 0 ? 0 : sum * Span / UsualCount;
}
