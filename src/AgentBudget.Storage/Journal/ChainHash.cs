using System.Buffers.Binary;
using System.Security.Cryptography;

namespace AgentBudget.Storage.Journal;

/// <summary>
/// A SHA-256 value of the chain (FIPS 180-4). The hash of a group is SHA-256(previous hash ‖ body); the first group of
/// a tenant follows <see cref="Zero"/>.
/// </summary>
public readonly record struct ChainHash
{
    /// <summary>Length in bytes.</summary>
    public const int Length = SHA256.HashSizeInBytes;

    private readonly ulong _first;
    private readonly ulong _second;
    private readonly ulong _third;
    private readonly ulong _fourth;

    /// <summary>Reads a hash.</summary>
    /// <param name="bytes">Exactly <see cref="Length"/> bytes; copied.</param>
    public ChainHash(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Length, nameof(bytes));
        _first = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _second = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        _third = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
        _fourth = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
    }

    /// <summary>What the first group of a journal follows: 32 zero bytes.</summary>
    public static ChainHash Zero => default;

    /// <summary>The hash of a group.</summary>
    /// <param name="previous">Hash of the group before it.</param>
    /// <param name="body">The group's body.</param>
    public static ChainHash Of(ChainHash previous, ReadOnlySpan<byte> body)
    {
        Span<byte> bytes = stackalloc byte[Length];
        previous.CopyTo(bytes);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(bytes);
        hash.AppendData(body);
        hash.GetHashAndReset(bytes);
        return new ChainHash(bytes);
    }

    /// <summary>The SHA-256 of some bytes by themselves.</summary>
    public static ChainHash Of(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[Length];
        SHA256.HashData(bytes, hash);
        return new ChainHash(hash);
    }

    /// <summary>Writes the hash to the first <see cref="Length"/> bytes of <paramref name="destination"/>.</summary>
    public void CopyTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, _first);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _second);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], _third);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], _fourth);
    }

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Length];
        CopyTo(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}
