namespace AgentBudget.Cli.Output;

/// <summary>A column of an answer.</summary>
/// <param name="Name">Its name, in lower case.</param>
/// <param name="IsNumber">Stands to the right.</param>
/// <param name="IsOptional">Left out first where the terminal is narrow.</param>
internal sealed record GridColumn(string Name, bool IsNumber = false, bool IsOptional = false)
{
    public static implicit operator GridColumn(string name) => new(name);
}

/// <summary>What stands in a row under a column.</summary>
/// <param name="Text">For people.</param>
/// <param name="Style">A colour of Spectre.Console.</param>
/// <param name="Csv">For programs, where it differs: a plain number.</param>
internal readonly record struct GridCell(string Text, string? Style = null, string? Csv = null)
{
    public static implicit operator GridCell(string? text) => new(text ?? "");

    public static implicit operator GridCell(long number) => new(Texts.Number(number));
}

/// <summary>An answer in rows and columns.</summary>
internal sealed class Grid(params GridColumn[] columns)
{
    public IReadOnlyList<GridColumn> Columns { get; } = columns;

    public List<GridCell[]> Rows { get; } = [];

    /// <summary>What is said where there are no rows.</summary>
    public string Empty { get; init; } = "Nothing.";

    public void Add(params GridCell[] cells)
    {
        if (cells.Length != Columns.Count) throw new ArgumentException("one cell a column", nameof(cells));
        Rows.Add(cells);
    }
}
