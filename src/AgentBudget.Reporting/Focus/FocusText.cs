using System.Globalization;
using System.Numerics;
using System.Text;

namespace AgentBudget.Reporting.Focus;

/// <summary>
/// Numbers, times and texts as FOCUS wants them in CSV: a decimal always with a point and never with an exponent, times
/// in UTC, ASCII alone, no text that a spreadsheet would take for a formula.
/// </summary>
internal static class FocusText
{
    private const int NanosDigits = 9;

    /// <summary>A count of parts as a decimal: the exact quotient by a power of ten.</summary>
    public static string Decimal(BigInteger parts, int digits)
    {
        string text = BigInteger.Abs(parts).ToString(CultureInfo.InvariantCulture).PadLeft(digits + 1, '0');
        string whole = text[..^digits];
        string fraction = text[^digits..].TrimEnd('0');
        return $"{(parts.Sign < 0 ? "-" : "")}{whole}.{(fraction.Length > 0 ? fraction : "0")}";
    }

    /// <summary>Nanos as a decimal of money.</summary>
    public static string Money(Int128 nanos) => Decimal(nanos, NanosDigits);

    /// <summary>
    /// The product of two decimals: exact, or the shortest text of the double that their doubles multiply to.
    /// </summary>
    public static string Product(string left, string right, bool isExact)
    {
        if (isExact)
        {
            BigInteger product = Parts(left, out int leftDigits) * Parts(right, out int rightDigits);
            return Decimal(product, leftDigits + rightDigits);
        }

        double value = double.Parse(left, CultureInfo.InvariantCulture)
            * double.Parse(right, CultureInfo.InvariantCulture);
        return Plain(value);
    }

    /// <summary>An instant, to the second.</summary>
    public static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A text in ASCII: other characters as in JSON.</summary>
    public static string Ascii(string text)
    {
        if (System.Text.Ascii.IsValid(text)) return text;
        var ascii = new StringBuilder(text.Length);
        foreach (char character in text)
        {
            if (char.IsAscii(character)) ascii.Append(character);
            else ascii.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
        }

        return ascii.ToString();
    }

    /// <summary>
    /// Adds a cell: quoted where it must be, and a text that begins as a formula behind an apostrophe. Nothing is the
    /// empty cell, unquoted.
    /// </summary>
    public static void AppendCell(StringBuilder line, string cell, bool isText)
    {
        if (cell.Length == 0) return;
        if (isText && (cell[0] is '=' or '+' or '-' or '@' or '\t' or '\r')) cell = "'" + cell;
        if (cell.AsSpan().IndexOfAny(",\"\r\n") < 0)
        {
            line.Append(cell);
            return;
        }

        line.Append('"').Append(cell.Replace("\"", "\"\"", StringComparison.Ordinal)).Append('"');
    }

    private static BigInteger Parts(string text, out int digits)
    {
        int point = text.IndexOf('.', StringComparison.Ordinal);
        digits = text.Length - point - 1;
        return BigInteger.Parse(text.Remove(point, 1), CultureInfo.InvariantCulture);
    }

    // The digits that "R" gives, without its exponent.
    private static string Plain(double value)
    {
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        int mark = text.IndexOf('E', StringComparison.Ordinal);
        string digits = mark < 0 ? text : text[..mark];
        int exponent = mark < 0 ? 0 : int.Parse(text[(mark + 1)..], CultureInfo.InvariantCulture);
        if (!digits.Contains('.', StringComparison.Ordinal)) digits += ".0";
        BigInteger parts = Parts(digits, out int places);
        int fraction = Math.Max(1, places - exponent);
        return Decimal(parts * BigInteger.Pow(10, fraction - (places - exponent)), fraction);
    }
}
