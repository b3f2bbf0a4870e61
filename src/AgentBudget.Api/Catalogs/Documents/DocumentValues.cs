using System.Globalization;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>
/// Typed values of a document. Decimals are read digit by digit into whole nanos, never through a float.
/// </summary>
internal static class DocumentValues
{
    /// <summary>As for every count on the wire.</summary>
    private const long CountMax = 1_000_000_000_000;

    private const int DecimalDigits = 9;
    private const int UnitDigits = DecimalDigits + 6;
    private const int MultiplierDigits = 6;

    /// <summary>
    /// The most that fits 64 bits of nanos is 19 digits and a point; this leaves room to say what is wrong.
    /// </summary>
    private const int NumberCharsMax = 64;

    /// <summary>Batch lists are cheaper, priority lists dearer; ten times is a slip of the pen.</summary>
    private const long MultiplierPpmMax = 10_000_000;

    /// <summary>A year: longer is no session.</summary>
    private const long DurationSecondsMax = 365L * 24 * 3600;

    internal static Money? Money(this DocumentCursor cursor, string currency) =>
        cursor.Decimal(DecimalDigits) is { } nanos ? MoneyMath.ToMoney(nanos, currency) : null;

    /// <summary>A rate: money per million tokens, as nanos.</summary>
    internal static long? Rate(this DocumentCursor cursor) => cursor.Decimal(DecimalDigits);

    /// <summary>A rate of units: money for one, as nanos per million; what a pixel costs has many decimals.</summary>
    internal static long? UnitRate(this DocumentCursor cursor) => cursor.Decimal(UnitDigits);

    /// <summary>A multiplier in millionths.</summary>
    internal static long? MultiplierPpm(this DocumentCursor cursor)
    {
        if (cursor.Decimal(MultiplierDigits) is not { } ppm)
            return null;
        if (ppm is > 0 and <= MultiplierPpmMax)
            return ppm;
        cursor.Fault("must be above 0 and at most 10.");
        return null;
    }

    internal static long? Count(this DocumentCursor cursor, long min = 0, long max = CountMax)
    {
        if (cursor.Text(NumberCharsMax) is not { } text)
            return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long count)
            && count >= min && count <= max)
        {
            return count;
        }

        cursor.Fault(string.Create(CultureInfo.InvariantCulture, $"must be a whole number from {min} to {max}."));
        return null;
    }

    internal static bool Flag(this DocumentCursor cursor)
    {
        string? text = cursor.Text(NumberCharsMax);
        if (text is not (null or "true" or "false"))
            cursor.Fault("must be true or false.");
        return text == "true";
    }

    /// <summary>A number for statistics, such as a baseline; it never meets money.</summary>
    internal static double? Number(this DocumentCursor cursor)
    {
        if (cursor.Text(NumberCharsMax) is not { } text)
            return null;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
            && FieldRules.IsStatistic(number))
        {
            return number;
        }

        cursor.Fault(FieldRules.StatisticDescription + ".");
        return null;
    }

    internal static Duration? Duration(this DocumentCursor cursor)
    {
        if (cursor.Text(NumberCharsMax) is not { } text)
            return null;
        int unitSeconds = text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 24 * 3600, _ => 0 };
        if (unitSeconds > 0
            && long.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && number > 0
            && number <= DurationSecondsMax / unitSeconds)
        {
            return new Duration { Seconds = number * unitSeconds };
        }

        cursor.Fault("must be a time such as 90s, 30m, 8h or 7d, at least 1s and at most 365d.");
        return null;
    }

    internal static Timestamp? Time(this DocumentCursor cursor)
    {
        if (cursor.Text(NumberCharsMax) is not { } text)
            return null;
        string[] formats = ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mmK"];
        if (DateTimeOffset.TryParseExact(
            text, formats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time))
        {
            return Timestamp.FromDateTimeOffset(time);
        }

        cursor.Fault("must be a day such as 2026-01-01 (midnight UTC) or a time such as 2026-01-01T08:00:00Z.");
        return null;
    }

    /// <summary>An id: lower-case letters, digits and dashes, at most 64.</summary>
    internal static string? Id(this DocumentCursor cursor)
    {
        if (cursor.Text(FieldRules.IdCharsMax) is not { } text)
            return null;
        if (FieldRules.IsId(text))
            return text;
        cursor.Fault("must be lower-case letters, digits and dashes, beginning with a letter or digit.");
        return null;
    }

    /// <summary>A model, tool or SKU: printable ASCII without spaces.</summary>
    internal static string? Word(this DocumentCursor cursor)
    {
        if (cursor.Text(FieldRules.WordCharsMax) is not { } text)
            return null;
        if (FieldRules.IsWord(text))
            return text;
        cursor.Fault("must be printable ASCII without spaces.");
        return null;
    }

    private static long? Decimal(this DocumentCursor cursor, int fractionDigits)
    {
        if (cursor.Text(NumberCharsMax) is not { } text)
            return null;
        string? fault = TryDecimal(text, fractionDigits, out long scaled) switch
        {
            DecimalReading.Read => null,
            DecimalReading.Malformed => "must be a decimal number such as 12.50.",
            DecimalReading.Negative => "must not be negative.",
            DecimalReading.TooFine => $"has more than {fractionDigits} digits after the point.",
            DecimalReading.TooLarge => string.Create(
                CultureInfo.InvariantCulture,
                $"is too large: at most {decimal.Truncate(long.MaxValue / Scale(fractionDigits))} is accepted."),
        };
        if (fault is null)
            return scaled;
        cursor.Fault(fault);
        return null;
    }

    private static decimal Scale(int digits) => digits == 0 ? 1 : 10 * Scale(digits - 1);

    private enum DecimalReading
    {
        Read,
        Malformed,
        Negative,
        TooFine,
        TooLarge,
    }

    private static DecimalReading TryDecimal(string text, int fractionDigits, out long scaled)
    {
        scaled = 0;
        bool isNegative = text[0] == '-';
        ReadOnlySpan<char> digits = isNegative ? text.AsSpan(1) : text;
        int point = digits.IndexOf('.');
        ReadOnlySpan<char> whole = point < 0 ? digits : digits[..point];
        ReadOnlySpan<char> fraction = point < 0 ? [] : digits[(point + 1)..];
        if (whole.IsEmpty || (point >= 0 && fraction.IsEmpty)
            || whole.ContainsAnyExceptInRange('0', '9') || fraction.ContainsAnyExceptInRange('0', '9'))
        {
            return DecimalReading.Malformed;
        }

        if (isNegative)
            return DecimalReading.Negative;
        if (fraction.Length > fractionDigits)
            return DecimalReading.TooFine;
        for (int index = 0; index < whole.Length + fractionDigits; index++)
        {
            int place = index - whole.Length;
            int digit = index < whole.Length ? whole[index] - '0' : place < fraction.Length ? fraction[place] - '0' : 0;
            if (scaled > (long.MaxValue - digit) / 10)
                return DecimalReading.TooLarge;
            scaled = (scaled * 10) + digit;
        }

        return DecimalReading.Read;
    }
}
