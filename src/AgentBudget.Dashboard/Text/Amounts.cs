using System.Globalization;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Dashboard.Text;

/// <summary>Money, counts and times as a page shows them.</summary>
internal static class Amounts
{
    internal const decimal NanosPerUnit = 1_000_000_000m;

    internal static decimal Of(Money? money) => money is null ? 0 : money.Units + (money.Nanos / NanosPerUnit);

    internal static Money? MoneyOf(decimal amount)
    {
        decimal units = decimal.Truncate(amount);
        decimal nanos = (amount - units) * NanosPerUnit;
        return decimal.Truncate(nanos) == nanos && Math.Abs(units) < 9_000_000_000m
            ? new Money { Units = (long)units, Nanos = (int)nanos }
            : null;
    }

    /// <summary>Two decimals, and four below ten cents, where they are what one looks for.</summary>
    internal static string Text(decimal amount) => amount.ToString(
        amount != 0 && Math.Abs(amount) < 0.1m ? "0.0000" : "#,##0.00", CultureInfo.InvariantCulture);

    internal static string Text(Money? money) => money is null ? "" : Text(Of(money));

    internal static string Nanos(long nanos) => Text(nanos / NanosPerUnit);

    internal static string Whole(decimal amount) => amount.ToString("0.00#######", CultureInfo.InvariantCulture);

    internal static string Count(long count) => count.ToString("#,##0", CultureInfo.InvariantCulture);

    /// <summary>1.2k, 3.4M: for where an order of magnitude is enough.</summary>
    internal static string Short(long count) => Math.Abs(count) switch
    {
        < 10_000 => Count(count),
        < 1_000_000 => (count / 1000d).ToString("0.#k", CultureInfo.InvariantCulture),
        < 1_000_000_000 => (count / 1_000_000d).ToString("0.##M", CultureInfo.InvariantCulture),
        _ => (count / 1_000_000_000d).ToString("0.##G", CultureInfo.InvariantCulture),
    };

    internal static string Percent(decimal share) =>
        (share * 100).ToString(share is > 0 and < 0.1m ? "0.0" : "0", CultureInfo.InvariantCulture) + "%";

    internal static string Clock(Google.Protobuf.WellKnownTypes.Timestamp? time) =>
        time is null ? "" : time.ToDateTime().ToString("HH:mm:ss", CultureInfo.InvariantCulture);

    internal static string Day(Google.Protobuf.WellKnownTypes.Timestamp? time) =>
        time is null ? "" : time.ToDateTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    /// <summary>The day alone, in a tenant's time zone.</summary>
    internal static string Date(Google.Protobuf.WellKnownTypes.Timestamp? time, TimeZoneInfo zone) =>
        time is null ? "" : Date(TimeZoneInfo.ConvertTime(time.ToDateTimeOffset(), zone));

    /// <summary>The day alone, as it is where the time was told.</summary>
    internal static string Date(DateTimeOffset time) => time.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>An amount at an axis, without the decimals that it does not have.</summary>
    internal static string Round(decimal amount) => amount switch
    {
        >= 1_000_000 => (amount / 1_000_000m).ToString("0.##M", CultureInfo.InvariantCulture),
        >= 10_000 => (amount / 1_000m).ToString("0.#k", CultureInfo.InvariantCulture),
        _ => amount.ToString("#,##0.####", CultureInfo.InvariantCulture),
    };

    /// <summary>"8.1 ×" of a multiple.</summary>
    internal static string Times(double multiple) =>
        multiple.ToString(multiple < 10 ? "0.0" : "#,##0", CultureInfo.InvariantCulture) + " ×";

    /// <summary>A probability; below one of ten thousand it is as good as none.</summary>
    internal static string Chance(double share) =>
        share < 0.0001 ? "< 0.0001" : share.ToString("0.####", CultureInfo.InvariantCulture);

    /// <summary>A number of thousandths: "1.5".</summary>
    internal static string Milli(long thousandths) =>
        (thousandths / 1_000m).ToString("#,##0.0##", CultureInfo.InvariantCulture);

    /// <summary>The time of a moment of today, the day of another.</summary>
    internal static string Recent(Google.Protobuf.WellKnownTypes.Timestamp? time, DateTimeOffset now) =>
        time is null ? ""
        : time.ToDateTime().Date == now.UtcDateTime.Date ? Clock(time)
        : time.ToDateTime().ToString("MM-dd HH:mm", CultureInfo.InvariantCulture);

    internal static string Exact(Google.Protobuf.WellKnownTypes.Timestamp? time) => time is null
        ? ""
        : time.ToDateTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>"3 h 20 min": the two largest parts.</summary>
    internal static string Span(TimeSpan span) => span switch
    {
        { TotalSeconds: < 60 } => $"{(int)span.TotalSeconds} s",
        { TotalMinutes: < 60 } => $"{(int)span.TotalMinutes} min",
        { TotalHours: < 24 } => $"{(int)span.TotalHours} h {span.Minutes} min",
        { TotalDays: < 100 } => $"{(int)span.TotalDays} d {span.Hours} h",
        _ => $"{(int)span.TotalDays} d",
    };
}
