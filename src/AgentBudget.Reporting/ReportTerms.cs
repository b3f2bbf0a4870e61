using AgentBudget.Protocol.V1;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting;

/// <summary>What all reports read and write alike: periods, money, filters, sums that do not fit.</summary>
internal static class ReportTerms
{
    private const long NanosPerUnit = 1_000_000_000;

    // SQLITE_ERROR with this text is how sum() says that it left 64 bits.
    private const string OverflowMessage = "integer overflow";

    /// <summary>A period in quarters of an hour, widened to whole ones: the first and the first after it.</summary>
    public static (long Start, long End) QuartersOf(ReportPeriod? period)
    {
        long first = period?.StartTime is { } start ? FloorDivide(start.Seconds, SpendKey.QuarterSeconds) : 0;
        if (period?.EndTime is not { } end) return (first, long.MaxValue);
        long last = FloorDivide(end.Seconds, SpendKey.QuarterSeconds);
        bool isWhole = end.Seconds % SpendKey.QuarterSeconds == 0 && end.Nanos == 0;
        return (first, isWhole ? last : last + 1);
    }

    /// <summary>Throws <see cref="ReportException"/> where its units leave 64 bits.</summary>
    public static Money ToMoney(Int128 nanos, string currency)
    {
        (Int128 units, Int128 rest) = Int128.DivRem(nanos, NanosPerUnit);
        return units <= long.MaxValue && units >= long.MinValue
            ? new Money { CurrencyCode = currency, Units = (long)units, Nanos = (int)rest }
            : throw Overflow();
    }

    /// <summary>An amount in nanos.</summary>
    public static Int128 NanosOf(Money money) => ((Int128)money.Units * NanosPerUnit) + money.Nanos;

    /// <summary>A quotient, rounded half to even. The divisor is above zero.</summary>
    public static Int128 Ratio(Int128 dividend, Int128 divisor)
    {
        (Int128 whole, Int128 rest) = Int128.DivRem(dividend, divisor);
        Int128 twice = Int128.Abs(rest) * 2;
        bool isAway = twice > divisor || (twice == divisor && Int128.IsOddInteger(whole));
        return isAway ? whole + (dividend < 0 ? -1 : 1) : whole;
    }

    /// <summary>A sum in two columns: the low one, then the high one.</summary>
    public static Int128 Wide(this SqliteDataReader reader, int low, int high) =>
        WideColumn.Of(reader.Number(high), reader.Number(low));

    /// <summary>
    /// The groupings asked for, each once. Throws <see cref="ReportException"/> for one that is none.
    /// </summary>
    public static string[] Groupings(IEnumerable<string> asked, IReadOnlyDictionary<string, string> columns)
    {
        string[] groupings = [.. asked.Distinct(StringComparer.Ordinal)];
        foreach (string grouping in groupings)
        {
            if (!columns.ContainsKey(grouping))
                throw new ReportException(ReportFault.UnknownGrouping, $"there is no grouping \"{grouping}\"");
        }

        return groupings;
    }

    /// <summary>Over no rows at all a sum is NULL.</summary>
    public static long Number(this SqliteDataReader reader, int ordinal) =>
        reader.IsDBNull(ordinal) ? 0 : reader.GetInt64(ordinal);

    /// <summary>Whether a sum of a query left 64 bits.</summary>
    public static bool IsOverflow(SqliteException exception) =>
        exception.Message.Contains(OverflowMessage, StringComparison.Ordinal);

    public static ReportException Overflow(Exception? inner = null) => new(
        ReportFault.AmountOverflow, "a sum of the report is beyond 64 bits: narrow its period or its filter", inner);

    public static ReportException TooManyRows(int rowsMax = Aggregator.RowsMax) => new(
        ReportFault.TooManyRows, $"the report has more than {rowsMax} rows");

    /// <summary>A price list in reports: "batch"; empty for what is of none.</summary>
    public static string NameOf(ServiceTier tier) =>
        tier == ServiceTier.Unspecified ? "" : tier.ToString().ToLowerInvariant();

    private static long FloorDivide(long dividend, long divisor) =>
        dividend >= 0 ? dividend / divisor : (dividend - divisor + 1) / divisor;
}
