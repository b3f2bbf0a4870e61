using System.Text;

namespace AgentBudget.Reporting.Focus;

/// <summary>
/// A FOCUS file as it is written: CSV (RFC 4180) in parts of bounded size, all of one position of the ledger. Dispose
/// it; then what it kept on the side is given back. Safe for one reader beside all other reports.
/// </summary>
public sealed class FocusExport : IDisposable
{
    /// <summary>Rows that are in memory at once; some 2 MB of text.</summary>
    internal const int RowsPerPage = 2_000;

    private readonly Lock _lock;
    private readonly FocusTable _table;
    private readonly IReadOnlyList<FocusColumn> _columns;
    private readonly Func<bool> _isClosed;
    private bool _hasHeader;
    private bool _isDisposed;

    internal FocusExport(
        Lock aggregatorLock, FocusTable table, FocusRequest request, long sequence, Func<bool> isClosed)
    {
        _lock = aggregatorLock;
        _table = table;
        _columns = FocusColumns.Of(request.Version);
        _isClosed = isClosed;
        Sequence = sequence;
    }

    /// <summary>The ledger's last event that is in it.</summary>
    public long Sequence { get; }

    /// <summary>The next part of the file, the header first; null after the last.</summary>
    public string? Next()
    {
        var text = new StringBuilder();
        if (!_hasHeader)
        {
            text.AppendJoin(',', _columns.Select(column => column.Name)).Append("\r\n");
            _hasHeader = true;
            return text.ToString();
        }

        foreach (FocusRow row in NextRows())
        {
            for (int i = 0; i < _columns.Count; i++)
            {
                if (i > 0) text.Append(',');
                FocusText.AppendCell(text, _columns[i].Cell(row), _columns[i].Type == FocusType.Text);
            }

            text.Append("\r\n");
        }

        return text.Length > 0 ? text.ToString() : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed) return;
            _isDisposed = true;
            if (!_isClosed()) _table.Drop();
        }
    }

    private List<FocusRow> NextRows()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed || _isClosed(), this);
            return _table.Read(RowsPerPage);
        }
    }
}
