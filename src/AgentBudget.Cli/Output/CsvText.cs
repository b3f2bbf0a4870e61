using System.Globalization;

namespace AgentBudget.Cli.Output;

/// <summary>Comma-separated values (RFC 4180). A text that a spreadsheet would run as a formula is disarmed.</summary>
internal static class CsvText
{
    public static void Write(TextWriter output, Grid grid, bool withNames)
    {
        if (withNames) output.Write(string.Join(',', grid.Columns.Select(column => Quoted(column.Name))) + "\r\n");
        foreach (GridCell[] row in grid.Rows)
            output.Write(string.Join(',', row.Select(cell => Quoted(Harmless(cell.Csv ?? cell.Text)))) + "\r\n");
    }

    private static string Harmless(string text) =>
        text.Length > 0 && text[0] is '=' or '+' or '-' or '@' or '\t' or '\r'
        && !decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _)
            ? "'" + text
            : text;

    private static string Quoted(string text) =>
        text.AsSpan().IndexOfAny(",\"\r\n") < 0
            ? text
            : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
