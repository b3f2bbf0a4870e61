using System.Buffers;
using System.Security.Cryptography;

namespace AgentBudget.Storage.Journal;

/// <summary>
/// A group on its way into the journal. It owns one buffer that is reused for the next group: the bytes it gives out
/// are valid until <see cref="Reset"/>. Filled, sealed, appended, reset; not thread-safe.
/// </summary>
public sealed class JournalGroup : IDisposable
{
    private const int BufferLengthMin = 16 * 1024; // About fifty events: most groups never grow it.
    private const int BufferLengthKept = 2 * 1024 * 1024; // A rare larger one is given back after its group.

    private readonly int _headerLength;
    private byte[] _buffer;
    private int _length;

    /// <summary>Makes an empty group.</summary>
    /// <param name="tenant">Whose; at most 65,535 bytes of UTF-8.</param>
    public JournalGroup(string tenant)
    {
        Tenant = tenant;
        _headerLength = GroupFormat.HeaderLength(tenant);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_headerLength, ushort.MaxValue, nameof(tenant));
        _buffer = ArrayPool<byte>.Shared.Rent(BufferLengthMin);
        Reset();
    }

    /// <summary>Whose journal.</summary>
    public string Tenant { get; }

    /// <summary>Number of the group, from 1.</summary>
    public long Sequence { get; private set; }

    /// <summary>Epoch to append under.</summary>
    public long Epoch { get; private set; }

    /// <summary>Sequence of the first event.</summary>
    public long FirstEvent { get; private set; }

    /// <summary>Number of events so far.</summary>
    public int Events { get; private set; }

    /// <summary>Hash of the group before it.</summary>
    public ChainHash PreviousHash { get; private set; }

    /// <summary>Hash of the group.</summary>
    public ChainHash Hash { get; private set; }

    /// <summary>Header and events.</summary>
    public ReadOnlySpan<byte> Body => _buffer.AsSpan(ChainHash.Length, _length - ChainHash.Length);

    /// <summary>The head of the journal once this group is its last.</summary>
    public JournalHead Head => new(Sequence, Epoch, FirstEvent + Events - 1, Hash);

    /// <summary>Makes room for the next event; the caller fills all of it before it calls again.</summary>
    /// <param name="length">Length of the event in bytes.</param>
    public Span<byte> AddEvent(int length)
    {
        Reserve(checked(_length + GroupFormat.EventLengthBytesMax + length));
        _length += GroupFormat.WriteLength(_buffer.AsSpan(_length), length);
        Span<byte> room = _buffer.AsSpan(_length, length);
        _length += length;
        Events++;
        return room;
    }

    /// <summary>Remembers the events so far, to go back to them with <see cref="Rewind"/>.</summary>
    public GroupMark Mark() => new(_length, Events);

    /// <summary>Takes away what was added after the mark.</summary>
    public void Rewind(GroupMark mark)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(mark.Length, _length, nameof(mark));
        (_length, Events) = (mark.Length, mark.Events);
    }

    /// <summary>
    /// Finishes the group: from here on its hash is known. May be called again to append the same events under another
    /// epoch.
    /// </summary>
    public void Seal(JournalHead previous, long epoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Events, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(epoch, previous.Epoch);
        Sequence = previous.Sequence + 1;
        Epoch = epoch;
        FirstEvent = previous.LastEvent + 1;
        PreviousHash = previous.Hash;
        GroupFormat.WriteHeader(_buffer.AsSpan(ChainHash.Length), Tenant, Sequence, Epoch, FirstEvent, Events);
        // The previous hash stands before the body in the buffer, so that one pass hashes both.
        PreviousHash.CopyTo(_buffer);
        Span<byte> hash = stackalloc byte[ChainHash.Length];
        SHA256.HashData(_buffer.AsSpan(0, _length), hash);
        Hash = new ChainHash(hash);
    }

    /// <summary>Empties the group for the next one.</summary>
    public void Reset()
    {
        if (_buffer.Length > BufferLengthKept)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = ArrayPool<byte>.Shared.Rent(BufferLengthMin);
        }

        _length = ChainHash.Length + _headerLength;
        Events = 0;
    }

    /// <summary>A copy of its own, as a reader gets it.</summary>
    public StoredGroup ToStored() => new(Sequence, Epoch, FirstEvent, Events, PreviousHash, Hash, Body.ToArray());

    /// <summary>Gives the buffer back; only when no append is under way.</summary>
    public void Dispose()
    {
        byte[] buffer = _buffer;
        _buffer = [];
        if (buffer.Length > 0) ArrayPool<byte>.Shared.Return(buffer);
    }

    private void Reserve(int length)
    {
        if (length <= _buffer.Length) return;
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(length, _buffer.Length * 2));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}

/// <summary>A place in a group that is being filled.</summary>
/// <param name="Length">Bytes up to it.</param>
/// <param name="Events">Events up to it.</param>
public readonly record struct GroupMark(int Length, int Events);
