using System.Globalization;

namespace AgentBudget.Cli.Reconciling;

/// <summary>Numbers and currencies of exports.</summary>
internal static class ExportNumbers
{
    private const decimal NumberMax = 1_000_000_000_000_000; // Of tokens or money; a thousand times what a ledger sums.

    /// <summary>A number from zero on, exact as a decimal.</summary>
    public static decimal Parse(string? text, string place)
    {
        bool isNumber = decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal number);
        if (!isNumber) throw new ExportException(place, $"'{Shortened(text)}' is no number like 1234.5");
        if (number < 0) throw new ExportException(place, $"{Shortened(text)} is below zero: take credits out first");
        return number <= NumberMax ? number : throw new ExportException(place, $"{Shortened(text)} is too large");
    }

    /// <summary>Money is compared in the tenant's currency alone.</summary>
    public static void RequireCurrency(string found, string currency, string place)
    {
        if (found.Length > 0 && !found.Equals(currency, StringComparison.OrdinalIgnoreCase))
            throw new ExportException(place, $"is in {Shortened(found)}, and the tenant's currency is {currency}");
    }

    private static string Shortened(string? text) => text is null ? "" : text.Length > 40 ? text[..40] + "…" : text;
}
