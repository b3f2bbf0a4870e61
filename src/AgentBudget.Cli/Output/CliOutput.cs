using System.Globalization;
using Google.Protobuf;
using Spectre.Console;

namespace AgentBudget.Cli.Output;

/// <summary>
/// Where answers go: standard output, as a table, JSON or CSV. What is said about them goes to standard error. Colours
/// only where a terminal is, and never with NO_COLOR.
/// </summary>
internal sealed class CliOutput
{
    private const int NarrowestColumns = 20;
    private const int UnboundedColumns = 10_000; // A file or a pipe has no right margin.

    private static readonly JsonFormatter Indented = new(JsonFormatter.Settings.Default.WithIndentation());

    private readonly TextWriter _out;
    private readonly TextWriter _error;
    private readonly IAnsiConsole _console;

    public CliOutput(OutputFormat format, TextWriter output, TextWriter error)
    {
        Format = format;
        _out = output;
        _error = error;
        bool isPlain = Console.IsOutputRedirected || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };
        _console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isPlain ? AnsiSupport.No : AnsiSupport.Detect,
            ColorSystem = isPlain ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(output),
        });
        Columns = ColumnsOf();
        _console.Profile.Width = Columns;
    }

    public OutputFormat Format { get; }

    /// <summary>How wide the terminal is; COLUMNS says otherwise.</summary>
    public int Columns { get; }

    /// <summary>Writes an answer that is one message.</summary>
    public void Write(IMessage message, Grid grid)
    {
        if (Format == OutputFormat.Json) _out.WriteLine(Indented.Format(message));
        else Write(grid);
    }

    /// <summary>Writes an answer that is many messages.</summary>
    public void Write(IReadOnlyCollection<IMessage> messages, Grid grid)
    {
        if (Format != OutputFormat.Json)
        {
            Write(grid);
            return;
        }

        string[] texts = [.. messages.Select(message => Indented.Format(message))];
        _out.WriteLine(texts.Length == 0 ? "[]" : $"[\n{string.Join(",\n", texts)}\n]");
    }

    /// <summary>Writes one message of a stream, on a line.</summary>
    public void WriteLine(IMessage message, Grid grid, bool isFirst)
    {
        if (Format == OutputFormat.Json) _out.WriteLine(JsonFormatter.Default.Format(message));
        else if (Format == OutputFormat.Csv) CsvText.Write(_out, grid, withNames: isFirst);
        else _console.WriteLine(string.Join("  ", grid.Rows.Single().Select(cell => Texts.Cell(cell.Text))
            .Where(text => text.Length > 0)));
        _out.Flush();
    }

    /// <summary>Writes text as it is, without a line's end.</summary>
    public void WriteText(string text) => _out.Write(text);

    /// <summary>Says something about the answer: it is no part of it.</summary>
    public void Say(string sentence)
    {
        foreach (string line in sentence.Split('\n')) _error.WriteLine(Texts.Safe(line));
    }

    /// <summary>Writes an answer that no message of the protocol has.</summary>
    public void Write(Grid grid)
    {
        if (Format == OutputFormat.Csv) CsvText.Write(_out, grid, withNames: true);
        else if (Format == OutputFormat.Json) _out.WriteLine(GridJson.TextOf(grid));
        else if (grid.Rows.Count == 0) Say(grid.Empty);
        else GridTable.Write(_console, grid, Columns);
    }

    internal static int ColumnsOf()
    {
        if (int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), CultureInfo.InvariantCulture, out int named)
            && named > 0)
        {
            return Math.Max(named, NarrowestColumns);
        }

        if (Console.IsOutputRedirected) return UnboundedColumns;
        return Math.Max(Console.WindowWidth, NarrowestColumns);
    }
}
