using System.Text;

namespace AgentBudget.Cli.Reconciling;

/// <summary>Comma-separated values (RFC 4180) with a row of names. Rows are counted from 1, the names' row.</summary>
internal sealed class CsvTable
{
    private readonly Dictionary<string, int> _columns;

    private CsvTable(Dictionary<string, int> columns, List<string[]> rows)
    {
        _columns = columns;
        Rows = rows;
    }

    public List<string[]> Rows { get; }

    /// <summary>Throws <see cref="ExportException"/>.</summary>
    public static CsvTable Read(string text)
    {
        List<string[]> rows = RowsOf(text.TrimStart('\uFEFF'));
        if (rows.Count == 0) throw new ExportException("row 1", "the names of the columns are missing");
        var columns = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        for (int column = 0; column < rows[0].Length; column++)
        {
            if (!columns.TryAdd(rows[0][column].Trim(), column))
                throw new ExportException("row 1", $"there are two columns {rows[0][column].Trim()}");
        }

        for (int row = 1; row < rows.Count; row++)
        {
            if (rows[row].Length != rows[0].Length)
            {
                throw new ExportException(
                    $"row {row + 1}", $"has {rows[row].Length} columns, and the names are {rows[0].Length}");
            }
        }

        return new CsvTable(columns, rows[1..]);
    }

    public bool Has(string column) => _columns.ContainsKey(column);

    /// <summary>Throws for columns that are not there, naming all of them.</summary>
    public void Require(params ReadOnlySpan<string> columns)
    {
        List<string> missing = [];
        foreach (string column in columns)
        {
            if (!Has(column)) missing.Add(column);
        }

        if (missing.Count > 0)
            throw new ExportException("row 1", $"there is no column {string.Join(", and none ", missing)}");
    }

    public string ValueOf(int row, string column) =>
        _columns.TryGetValue(column, out int at) ? Rows[row][at].Trim() : "";

    /// <summary>"row 7, Quantity".</summary>
    public static string PlaceOf(int row, string column) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"row {row + 2}, {column}");

    private static List<string[]> RowsOf(string text)
    {
        List<string[]> rows = [];
        List<string> row = [];
        var cell = new StringBuilder();
        bool isQuoted = false;
        for (int at = 0; at < text.Length; at++)
        {
            char letter = text[at];
            if (isQuoted && letter == '"' && at + 1 < text.Length && text[at + 1] == '"')
            {
                cell.Append('"');
                at++;
            }
            else if (letter == '"') isQuoted = !isQuoted;
            else if (!isQuoted && letter == ',') End(cell, row);
            else if (!isQuoted && letter == '\n') EndRow();
            else if (isQuoted || letter != '\r') cell.Append(letter);
        }

        if (isQuoted) throw new ExportException($"row {rows.Count + 1}", "a quotation mark has no end");
        if (cell.Length > 0 || row.Count > 0) EndRow();
        while (rows.Count > 0 && rows[^1] is [""]) rows.RemoveAt(rows.Count - 1);
        return rows;

        void EndRow()
        {
            End(cell, row);
            rows.Add([.. row]);
            row.Clear();
        }
    }

    private static void End(StringBuilder cell, List<string> row)
    {
        row.Add(cell.ToString());
        cell.Clear();
    }
}
