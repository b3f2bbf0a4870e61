using System.Buffers;

namespace AgentBudget.Gateway.Streams;

/// <summary>
/// Cuts a stream of server-sent events into events as they arrive. Nothing is changed: the events put together are the
/// bytes that came. One that is larger than the bound passes in pieces without being read.
/// </summary>
/// <param name="bytesMax">The largest event that is read.</param>
internal sealed class EventSplitter(int bytesMax = EventSplitter.EventBytesMax)
{
    /// <summary>The largest event that is read, where nothing else is said.</summary>
    public const int EventBytesMax = 4 * 1024 * 1024;

    private readonly ArrayBufferWriter<byte> _event = new();
    private readonly ArrayBufferWriter<byte> _data = new();
    private bool _isAtLineStart = true;
    private bool _isAfterReturn;
    private bool _isTooLarge;

    /// <summary>The event that is complete: its bytes as they came. Valid until the next call.</summary>
    public ReadOnlyMemory<byte> Event => _event.WrittenMemory;

    /// <summary>The event passes in pieces, and nobody reads it.</summary>
    public bool IsTooLarge => _isTooLarge;

    /// <summary>Whether bytes of an event are there that has not ended.</summary>
    public bool HasRest => _event.WrittenCount > 0;

    /// <summary>Takes bytes up to the end of an event.</summary>
    /// <param name="bytes">What arrived.</param>
    /// <param name="isComplete">Whether an event is complete; then it is to be cleared before the next call.</param>
    /// <returns>How many were taken.</returns>
    public int Take(ReadOnlySpan<byte> bytes, out bool isComplete)
    {
        isComplete = true;
        for (int i = 0; i < bytes.Length; i++)
        {
            byte letter = bytes[i];
            bool isPair = letter == '\n' && _isAfterReturn; // The second half of a line's end.
            _isAfterReturn = letter == '\r';
            if (isPair) continue;
            bool isLineEnd = letter is (byte)'\n' or (byte)'\r';
            bool isEventEnd = isLineEnd && _isAtLineStart;
            _isAtLineStart = isLineEnd;
            if (!isEventEnd) continue;
            // The other half of the last line's end belongs to it where it is there already.
            int end = i + 1;
            if (letter == '\r' && end < bytes.Length && bytes[end] == '\n')
            {
                end++;
                _isAfterReturn = false;
            }

            _event.Write(bytes[..end]);
            return end;
        }

        _event.Write(bytes);
        isComplete = _event.WrittenCount > bytesMax;
        _isTooLarge |= isComplete;
        return bytes.Length;
    }

    /// <summary>The data lines of the event, joined by line ends; empty for a comment, and for one too large.</summary>
    public ReadOnlyMemory<byte> ReadData()
    {
        _data.ResetWrittenCount();
        if (_isTooLarge) return default;
        ReadOnlySpan<byte> rest = _event.WrittenSpan;
        bool isFirst = true;
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOfAny((byte)'\n', (byte)'\r');
            ReadOnlySpan<byte> line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (!line.StartsWith("data:"u8)) continue;
            if (!isFirst) _data.Write("\n"u8);
            isFirst = false;
            line = line[5..];
            _data.Write(line.StartsWith(" "u8) ? line[1..] : line);
        }

        return _data.WrittenMemory;
    }

    /// <summary>Forgets the event that was complete.</summary>
    public void Clear()
    {
        // Of one that is too large the rest is still to come, up to its end.
        _isTooLarge = _isTooLarge && !_isAtLineStart;
        _event.ResetWrittenCount();
    }
}
