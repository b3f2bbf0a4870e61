using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Prices;

/// <summary>
/// Hours of the week in which a model has other prices, by the wall clock of a zone. Asked when a turn decides and
/// never in replay, so that replay needs no time zone rules.
/// </summary>
internal sealed class PriceClock
{
    /// <summary>Spans of one price: one each half day and more.</summary>
    internal const int SpansMax = 16;

    internal const int MinutesPerDay = 24 * 60;

    private const int DaysPerWeek = 7;
    private const int MinutesPerWeek = DaysPerWeek * MinutesPerDay;
    private const sbyte None = -1;

    private readonly string _timeZone;
    private readonly sbyte[] _spanOfMinute = new sbyte[MinutesPerWeek];
    private TimeZoneInfo? _zone;

    public PriceClock(PriceHours hours)
    {
        _timeZone = hours.TimeZone;
        Array.Fill(_spanOfMinute, None);
        for (int span = 0; span < hours.Spans.Count; span++)
        {
            foreach (int minute in MinutesOf(hours.Spans[span])) _spanOfMinute[minute] = (sbyte)span;
        }
    }

    /// <summary>Which span a time is in, by its place; -1 for none.</summary>
    public int SpanAt(long atNanos)
    {
        _zone ??= TimeZoneInfo.FindSystemTimeZoneById(_timeZone);
        DateTime utc = DateTime.UnixEpoch.AddTicks(atNanos / LogTime.NanosPerTick);
        DateTime local = TimeZoneInfo.ConvertTimeFromUtc(utc, _zone);
        int day = ((int)local.DayOfWeek + DaysPerWeek - 1) % DaysPerWeek;
        return _spanOfMinute[(day * MinutesPerDay) + (local.Hour * 60) + local.Minute];
    }

    /// <summary>
    /// The minutes of a week, from Monday on, that a span covers; one past midnight runs into the next day.
    /// </summary>
    public static IEnumerable<int> MinutesOf(PriceSpan span)
    {
        int length = span.ToMinute - span.FromMinute;
        if (length <= 0) length += MinutesPerDay;
        IEnumerable<int> days = span.Weekdays.Count > 0 ? span.Weekdays : Enumerable.Range(1, DaysPerWeek);
        foreach (int day in days)
        {
            int first = ((day - 1) * MinutesPerDay) + span.FromMinute;
            for (int minute = 0; minute < length; minute++) yield return (first + minute) % MinutesPerWeek;
        }
    }
}
