using System.Globalization;
using System.Text;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Cli.Output;

/// <summary>Values as text.</summary>
internal static class Texts
{
    private const decimal NanosPerUnit = 1_000_000_000m;
    private const int CellCharsMax = 300;

    public static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    public static decimal AmountOf(Money money) => money.Units + (money.Nanos / NanosPerUnit);

    /// <summary>"12.50 USD": two decimals, or as many as it has.</summary>
    public static GridCell Money(Money? money)
    {
        if (money is null) return "";
        string plain = AmountOf(money).ToString("0.00#######", CultureInfo.InvariantCulture);
        return new GridCell($"{plain} {money.CurrencyCode}".TrimEnd(), Csv: plain);
    }

    /// <summary>Seconds in UTC, as RFC 3339.</summary>
    public static string Time(Timestamp? time) =>
        time is null ? "" : time.ToDateTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>"SETTLEMENT_LATE" of an enum's proto name without its prefix, as "settlement late".</summary>
    public static string Name<T>(T value)
        where T : struct, System.Enum
    {
        StringBuilder words = new();
        foreach (char letter in value.ToString())
        {
            if (char.IsUpper(letter) && words.Length > 0) words.Append(' ');
            words.Append(char.ToLowerInvariant(letter));
        }

        return words.ToString();
    }

    /// <summary>
    /// What others wrote, safe for a terminal: characters that move the cursor, change colours or hide are shown as
    /// their codes.
    /// </summary>
    public static string Safe(string text)
    {
        if (!text.Any(IsUnseen)) return text;
        StringBuilder safe = new();
        foreach (char letter in text)
        {
            if (IsUnseen(letter)) safe.Append(CultureInfo.InvariantCulture, $"\\u{(int)letter:x4}");
            else safe.Append(letter);
        }

        return safe.ToString();
    }

    /// <summary>A text of a cell: safe, and no longer than a paragraph.</summary>
    public static string Cell(string text) =>
        Safe(text.Length > CellCharsMax ? string.Concat(text.AsSpan(0, CellCharsMax), "…") : text);

    private static bool IsUnseen(char letter) => char.GetUnicodeCategory(letter) is UnicodeCategory.Control
        or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.PrivateUse;
}
