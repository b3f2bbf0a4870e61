using Spectre.Console;

namespace AgentBudget.Cli.Output;

/// <summary>
/// A grid on a terminal: a table where it fits, without its optional columns where it fits so, else each row as lines
/// of a name and a value.
/// </summary>
internal static class GridTable
{
    private const int GapColumns = 2;

    public static void Write(IAnsiConsole console, Grid grid, int columns)
    {
        List<int> shown = [.. Enumerable.Range(0, grid.Columns.Count)];
        while (WidthOf(grid, shown) > columns
            && shown.FindLast(index => grid.Columns[index].IsOptional) is > 0 and int last)
        {
            shown.Remove(last);
        }

        if (WidthOf(grid, shown) <= columns) WriteTable(console, grid, shown);
        else WriteCards(console, grid);
    }

    private static int WidthOf(Grid grid, List<int> shown) =>
        shown.Sum(index => GapColumns + WidthOf(grid, index)) - GapColumns;

    private static int WidthOf(Grid grid, int column) => Math.Max(
        grid.Columns[column].Name.Length,
        grid.Rows.Max(row => Texts.Cell(row[column].Text).Length));

    private static void WriteTable(IAnsiConsole console, Grid grid, List<int> shown)
    {
        WriteLine(console, shown.Select(index =>
            (Padded(grid.Columns[index].Name.ToUpperInvariant(), grid, index), (string?)"bold")));
        foreach (GridCell[] row in grid.Rows)
        {
            WriteLine(console, shown.Select(index =>
                (Padded(Texts.Cell(row[index].Text), grid, index), row[index].Style)));
        }
    }

    private static string Padded(string text, Grid grid, int column) =>
        grid.Columns[column].IsNumber
            ? text.PadLeft(WidthOf(grid, column))
            : text.PadRight(WidthOf(grid, column));

    // No blanks at the end of a line, so that output compares.
    private static void WriteLine(IAnsiConsole console, IEnumerable<(string Text, string? Style)> cells)
    {
        (string Text, string? Style)[] line = [.. cells];
        line[^1].Text = line[^1].Text.TrimEnd();
        int last = Array.FindLastIndex(line, cell => cell.Text.Trim().Length > 0);
        for (int index = 0; index <= last; index++)
        {
            string text = index == last ? line[index].Text.TrimEnd() : line[index].Text + new string(' ', GapColumns);
            console.Write(new Text(text, StyleOf(line[index].Style)));
        }

        console.WriteLine();
    }

    private static void WriteCards(IAnsiConsole console, Grid grid)
    {
        for (int number = 0; number < grid.Rows.Count; number++)
        {
            if (number > 0) console.WriteLine();
            for (int index = 0; index < grid.Columns.Count; index++)
            {
                GridCell cell = grid.Rows[number][index];
                if (cell.Text.Length == 0) continue;
                // One paragraph, so that what is too long for the terminal goes on below.
                console.Write(new Paragraph()
                    .Append($"{grid.Columns[index].Name}: ", StyleOf("bold"))
                    .Append(Texts.Cell(cell.Text), StyleOf(cell.Style)));
                console.WriteLine();
            }
        }
    }

    private static Style StyleOf(string? style) => style is null ? Style.Plain : Style.Parse(style);
}
