using System.Buffers.Binary;
using AgentBudget.Storage.Journal;
using Microsoft.Win32.SafeHandles;

namespace AgentBudget.Storage.Sqlite.Files;

/// <summary>
/// Remembers, beside the database, the last group that was reported durable. SQLite stops without a word at the first
/// bad frame of its log; the marker is how a journal that ends too early is noticed. Two slots are written in turn,
/// each with its own checksum, so that a torn write leaves the one before.
/// <para>
/// A slot: format (1 byte), generation (8), position (8), hash (32), SHA-256 of those (32).
/// </para>
/// </summary>
internal sealed class CompletenessMarker : IDisposable
{
    private const byte Format = 1;
    private const int SlotStride = 4096; // Slots never share a sector, so that a torn write cannot reach both.
    private const int CheckedLength = 1 + 8 + 8 + ChainHash.Length;
    private const int SlotLength = CheckedLength + ChainHash.Length;

    private readonly SafeFileHandle _file;
    private readonly byte[] _slot = new byte[SlotLength];
    private long _generation;

    private CompletenessMarker(SafeFileHandle file) => _file = file;

    /// <summary>Row of the last group that was reported durable; 0 when none was.</summary>
    public long Position { get; private set; }

    /// <summary>That group's hash.</summary>
    public ChainHash Hash { get; private set; }

    /// <summary>Opens the marker, or answers null when there is no readable one.</summary>
    public static CompletenessMarker? TryOpen(string path)
    {
        if (!File.Exists(path)) return null;
        var marker = new CompletenessMarker(StoreFolder.Open(path, FileMode.Open, FileShare.Read, FileOptions.None));
        if (marker.ReadSlot(0) | marker.ReadSlot(1)) return marker;
        marker.Dispose();
        return null;
    }

    /// <summary>Makes a marker for a journal without groups.</summary>
    public static CompletenessMarker Create(StoreFolder folder)
    {
        var marker = new CompletenessMarker(
            StoreFolder.Open(folder.Marker, FileMode.Create, FileShare.Read, FileOptions.None));
        // Both slots are written, so that later writes only overwrite and need no space.
        marker.Write(position: 0, ChainHash.Zero);
        marker.Write(position: 0, ChainHash.Zero);
        NativeFiles.SyncFolder(folder.Path);
        return marker;
    }

    /// <summary>Writes and syncs; durable when it returns. Throws <see cref="IOException"/>.</summary>
    public void Write(long position, ChainHash hash)
    {
        _generation++;
        _slot[0] = Format;
        BinaryPrimitives.WriteInt64LittleEndian(_slot.AsSpan(1), _generation);
        BinaryPrimitives.WriteInt64LittleEndian(_slot.AsSpan(9), position);
        hash.CopyTo(_slot.AsSpan(17));
        ChainHash.Of(_slot.AsSpan(0, CheckedLength)).CopyTo(_slot.AsSpan(CheckedLength));
        RandomAccess.Write(_file, _slot, _generation % 2 * SlotStride);
        NativeFiles.SyncData(_file);
        Position = position;
        Hash = hash;
    }

    public void Dispose() => _file.Dispose();

    private bool ReadSlot(int slot)
    {
        if (RandomAccess.Read(_file, _slot, slot * (long)SlotStride) != SlotLength || _slot[0] != Format) return false;
        var checksum = new ChainHash(_slot.AsSpan(CheckedLength));
        if (ChainHash.Of(_slot.AsSpan(0, CheckedLength)) != checksum) return false;
        long generation = BinaryPrimitives.ReadInt64LittleEndian(_slot.AsSpan(1));
        if (generation <= _generation) return true;
        _generation = generation;
        Position = BinaryPrimitives.ReadInt64LittleEndian(_slot.AsSpan(9));
        Hash = new ChainHash(_slot.AsSpan(17, ChainHash.Length));
        return true;
    }
}
