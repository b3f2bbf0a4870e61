using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace AgentBudget.Ledger.Requests;

/// <summary>
/// What a request asks, as bytes: 8 a number, 8 and two a character for a text, little-endian. Most of them are zero,
/// so they are packed before they are hashed: those of a common request are one block of SHA-256 in place of four. One
/// for each thread, since a turn hashes one request after the other.
/// </summary>
internal sealed class ContentBytes
{
    private const int BytesFirst = 1024; // Most requests fit.
    private const int BytesKept = 64 * 1024; // A catalog's document is more, and is not kept.
    private const int WordBytes = sizeof(ulong);
    private const int ZeroWordsMax = byte.MaxValue; // After the first of a run.

    [ThreadStatic]
    private static ContentBytes? _ofThread;

    private readonly IncrementalHash _sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] _bytes = new byte[BytesFirst];
    private byte[] _packed = new byte[PackedMax(BytesFirst)];
    private int _count;
    private ContentSha? _former; // Of bytes that were not kept.

    /// <summary>How many requests were begun: says whether the bytes are still those of one.</summary>
    public int Requests { get; private set; }

    public static ContentBytes Begin(Operation operation)
    {
        ContentBytes bytes = _ofThread ??= new ContentBytes();
        bytes.Requests = unchecked(bytes.Requests + 1);
        bytes._count = 0;
        bytes._former = null;
        bytes.Write((long)operation);
        return bytes;
    }

    public void Write(long value) => BinaryPrimitives.WriteInt64LittleEndian(Take(sizeof(long)), value);

    public void Write(string value)
    {
        Write((long)value.Length);
        // Texts are compared as they are, so their bytes in memory will do; every machine is little-endian.
        MemoryMarshal.AsBytes(value.AsSpan()).CopyTo(Take(value.Length * sizeof(char)));
    }

    public ContentSha Hash()
    {
        if (_packed.Length < PackedMax(_count)) _packed = new byte[PackedMax(_bytes.Length)];
        ContentSha hash = HashOf(_packed, Pack(_bytes.AsSpan(0, _count), _packed));
        if (_bytes.Length > BytesKept)
        {
            _former = HashOf(_bytes, _count);
            _bytes = new byte[BytesFirst];
            _packed = new byte[PackedMax(BytesFirst)];
        }

        return hash;
    }

    /// <summary>As former releases hashed it: the bytes as they are.</summary>
    public ContentSha FormerHash() => _former ?? HashOf(_bytes, _count);

    /// <summary>The most that so many bytes are packed to: a byte beside each word, and how many there were.</summary>
    internal static int PackedMax(int count) => count + (count / WordBytes) + WordBytes + 2 + sizeof(int);

    /// <summary>
    /// Leaves the zeros out. Each word of 8 bytes is a byte that has a bit for each that is not zero, and those; words
    /// that are all zero are a zero and how many follow the first. The last word is filled up with zeros; behind it is
    /// how many bytes there were. So what was packed can be told from it, and no two contents are packed alike.
    /// </summary>
    internal static int Pack(ReadOnlySpan<byte> bytes, Span<byte> packed)
    {
        int place = 0;
        for (int start = 0; start < bytes.Length; start += WordBytes)
        {
            ulong word = WordAt(bytes, start);
            int tagPlace = place++;
            int tag = 0;
            if (word == 0)
            {
                int more = 0;
                while (more < ZeroWordsMax && start + WordBytes < bytes.Length && WordAt(bytes, start + WordBytes) == 0)
                {
                    start += WordBytes;
                    more++;
                }

                packed[place++] = (byte)more;
            }

            for (int bit = 1; word != 0; bit <<= 1, word >>= 8)
            {
                if ((word & byte.MaxValue) == 0) continue;
                packed[place++] = (byte)(word & byte.MaxValue);
                tag |= bit;
            }

            packed[tagPlace] = (byte)tag;
        }

        BinaryPrimitives.WriteInt32LittleEndian(packed[place..], bytes.Length);
        return place + sizeof(int);
    }

    private static ulong WordAt(ReadOnlySpan<byte> bytes, int start)
    {
        if (bytes.Length - start >= WordBytes) return BinaryPrimitives.ReadUInt64LittleEndian(bytes[start..]);
        Span<byte> last = stackalloc byte[WordBytes];
        last.Clear();
        bytes[start..].CopyTo(last);
        return BinaryPrimitives.ReadUInt64LittleEndian(last);
    }

    private ContentSha HashOf(byte[] content, int count)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        _sha.AppendData(content, 0, count);
        _sha.GetHashAndReset(hash);
        return ContentSha.Of(hash);
    }

    private Span<byte> Take(int count)
    {
        if (_bytes.Length - _count < count) Array.Resize(ref _bytes, Math.Max(2 * _bytes.Length, _count + count));
        Span<byte> taken = _bytes.AsSpan(_count, count);
        _count += count;
        return taken;
    }
}
