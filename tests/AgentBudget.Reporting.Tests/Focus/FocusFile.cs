using System.Text;

namespace AgentBudget.Reporting.Tests.Focus;

/// <summary>A CSV file as RFC 4180 reads it: cells, and which of them were quoted.</summary>
internal sealed class FocusFile
{
    public required IList<string> Header { get; init; }

    public required IList<IList<Cell>> Rows { get; init; }

    internal readonly record struct Cell(string Text, bool IsQuoted)
    {
        public static implicit operator Cell(string text) => new(text, IsQuoted: false);
    }

    public static FocusFile Read(string text)
    {
        List<IList<Cell>> records = [];
        List<Cell> record = [];
        var cell = new StringBuilder();
        bool isQuoted = false;
        bool isInside = false;
        for (int i = 0; i < text.Length; i++)
        {
            char character = text[i];
            if (isInside)
            {
                if (character != '"') cell.Append(character);
                else if (i + 1 < text.Length && text[i + 1] == '"') cell.Append(text[++i]);
                else isInside = false;
                continue;
            }

            switch (character)
            {
                case '"':
                    (isQuoted, isInside) = (true, true);
                    break;
                case ',':
                    End();
                    break;
                case '\r':
                    Assert.Equal('\n', text[++i]);
                    End();
                    records.Add(record);
                    record = [];
                    break;
                default:
                    cell.Append(character);
                    break;
            }
        }

        Assert.Empty(record);
        return new FocusFile { Header = [.. records[0].Select(name => name.Text)], Rows = records[1..] };

        void End()
        {
            record.Add(new Cell(cell.ToString(), isQuoted));
            cell.Clear();
            isQuoted = false;
        }
    }

    /// <summary>A cell's text; empty where the column is not there.</summary>
    public string this[IList<Cell> row, string column]
    {
        get
        {
            int place = Header.IndexOf(column);
            return place < 0 || place >= row.Count ? "" : row[place].Text;
        }
    }

    public FocusFile Copy() => new()
    {
        Header = [.. Header],
        Rows = [.. Rows.Select(row => (IList<Cell>)[.. row])],
    };

    public void Set(int row, string column, string text) => Rows[row][Header.IndexOf(column)] = text;

    public void Remove(string column)
    {
        int place = Header.IndexOf(column);
        Header.RemoveAt(place);
        foreach (IList<Cell> row in Rows) row.RemoveAt(place);
    }

    public void Add(string column, string text, int place)
    {
        Header.Insert(place, column);
        foreach (IList<Cell> row in Rows) row.Insert(place, text);
    }
}
