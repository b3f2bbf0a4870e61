using System.Buffers;

namespace AgentBudget.Client;

/// <summary>
/// Passes the events of a stream on and reads what they tell of usage. An event leaves whole and unchanged, as soon as
/// it is there; one that tells nothing but usage that the caller did not ask for is left out.
/// </summary>
internal sealed class SettlingStream(Stream inner, UsageReport usage, BudgetScope scope) : Stream
{
    private const int ReadBytes = 16 * 1024;
    private const int EventBytesMax = 4 * 1024 * 1024; // A larger one passes without being read.
    private const byte NewLine = (byte)'\n';

    private readonly byte[] _read = new byte[ReadBytes];
    private readonly ArrayBufferWriter<byte> _event = new();
    private readonly ArrayBufferWriter<byte> _data = new();
    private ReadOnlyMemory<byte> _ready;
    private ReadOnlyMemory<byte> _unread;
    private bool _isAtLineStart = true;
    private bool _isEnded;
    private Task? _settling;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Settles what the answer told so far, and ends the hold.</summary>
    public static async Task SettleAsync(UsageReport usage, BudgetScope scope)
    {
        scope.Use(usage.ToCommit());
        await scope.DisposeAsync();
    }

    public override async ValueTask<int> ReadAsync(
        Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty) return 0;
        while (_ready.IsEmpty)
        {
            if (_isEnded) return 0;
            await FillAsync(cancellationToken);
        }

        int bytes = Math.Min(buffer.Length, _ready.Length);
        _ready[..bytes].CopyTo(buffer);
        _ready = _ready[bytes..];
        return bytes;
    }

    public override Task<int> ReadAsync(
        byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await SettleOnceAsync();
        await inner.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _ = SettleOnceAsync(); // Nobody can wait; the scope retries and logs.
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private Task SettleOnceAsync() => _settling ??= SettleAsync(usage, scope);

    private async Task FillAsync(CancellationToken cancellation)
    {
        _event.ResetWrittenCount(); // What was ready was taken.
        while (_ready.IsEmpty && !_isEnded)
        {
            if (_unread.IsEmpty)
            {
                int bytes = await inner.ReadAsync(_read, cancellation);
                if (bytes == 0)
                {
                    EndEvent();
                    _isEnded = true;
                    await SettleOnceAsync();
                    return;
                }

                usage.Count(bytes);
                _unread = _read.AsMemory(0, bytes);
            }

            TakeLine();
        }
    }

    // Up to the next line's end; an empty line ends the event.
    private void TakeLine()
    {
        int end = _unread.Span.IndexOf(NewLine);
        ReadOnlyMemory<byte> line = end < 0 ? _unread : _unread[..(end + 1)];
        _unread = _unread[line.Length..];
        bool isEmpty = _isAtLineStart && line.Span.TrimEnd("\r\n"u8).IsEmpty && end >= 0;
        _isAtLineStart = end >= 0;
        _event.Write(line.Span);
        if (isEmpty || _event.WrittenCount > EventBytesMax) EndEvent();
    }

    private void EndEvent()
    {
        if (_event.WrittenCount == 0) return;
        bool isHidden = _event.WrittenCount <= EventBytesMax && usage.Read(DataOf(_event.WrittenSpan));
        if (isHidden) _event.ResetWrittenCount();
        else _ready = _event.WrittenMemory;
    }

    // The data lines of an event, joined, by the HTML standard; a body that is no event stream is its own data.
    private ReadOnlySpan<byte> DataOf(ReadOnlySpan<byte> text)
    {
        ReadOnlySpan<byte> mark = "data:"u8;
        if (text.IndexOf(mark) < 0) return text;
        _data.ResetWrittenCount();
        foreach (Range range in text.Split(NewLine))
        {
            ReadOnlySpan<byte> line = text[range];
            if (line.StartsWith(mark)) _data.Write(line[mark.Length..].Trim(" \r"u8));
        }

        return _data.WrittenSpan;
    }
}
