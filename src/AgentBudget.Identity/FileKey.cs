using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Identity;

/// <summary>
/// A key of the silo's own operator, kept in a file: a prefix and 256 random bits as base64url. Made at the first
/// start; only its SHA-256 stays in memory.
/// </summary>
public sealed class FileKey
{
    /// <summary>What the operator's key begins with, which may do everything.</summary>
    public const string AdminPrefix = "abk_";

    /// <summary>What the key begins with that reads metrics and does nothing else.</summary>
    public const string MetricsPrefix = "abm_";

    /// <summary>What the key begins with that seals where notices go.</summary>
    public const string NoticesPrefix = "abn_";

    /// <summary>As many as cannot be guessed.</summary>
    private const int SecretBytes = 32;

    /// <summary>A presented key is hashed only up to this length; a real one is 47 characters.</summary>
    private const int CharsMax = 128;

    private readonly byte[] _hash;

    private FileKey(string key) => _hash = SHA256.HashData(Encoding.ASCII.GetBytes(key));

    /// <summary>Reads the key from its file, or makes both (mode 0600).</summary>
    /// <param name="path">The key file.</param>
    /// <param name="prefix">What the key begins with.</param>
    /// <param name="isNew">Whether it was made now.</param>
    /// <exception cref="InvalidDataException">The file holds no such key.</exception>
    /// <exception cref="IOException">The file cannot be read or made.</exception>
    public static FileKey LoadOrCreate(string path, string prefix, out bool isNew)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        string key = SecretFile.ReadOrCreate(path, () => NewKey(prefix), out isNew);
        return IsWellFormed(key, prefix)
            ? new FileKey(key)
            : throw new InvalidDataException(
                $"{path} holds no key: it is {prefix} and at least 43 characters of base64url. "
                + "Restore it, or remove it to have a new key made.");
    }

    /// <summary>Whether this is the key. Takes as long for any wrong key; allocates nothing.</summary>
    public bool Matches(ReadOnlySpan<char> presented)
    {
        if (presented.Length > CharsMax || !Ascii.IsValid(presented))
            return false;
        Span<byte> bytes = stackalloc byte[CharsMax];
        int count = Encoding.ASCII.GetBytes(presented, bytes);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Sha256.Hash(bytes[..count], hash);
        return CryptographicOperations.FixedTimeEquals(hash, _hash);
    }

    private static string NewKey(string prefix) =>
        prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));

    private static bool IsWellFormed(string key, string prefix) =>
        key.StartsWith(prefix, StringComparison.Ordinal)
        && key.Length <= CharsMax
        && Base64Url.IsValid(key.AsSpan(prefix.Length), out int secretBytes)
        && secretBytes >= SecretBytes
        && Ascii.IsValid(key);
}
