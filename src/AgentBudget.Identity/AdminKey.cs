using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Identity;

/// <summary>
/// The operator's key: <c>abk_</c> and 256 random bits as base64url. Made at the first start; only its SHA-256 stays in
/// memory.
/// </summary>
public sealed class AdminKey
{
    /// <summary>What every admin key begins with.</summary>
    public const string Prefix = "abk_";

    /// <summary>As many as cannot be guessed.</summary>
    private const int SecretBytes = 32;

    /// <summary>A presented key is hashed only up to this length; a real one is 47 characters.</summary>
    private const int CharsMax = 128;

    private readonly byte[] _hash;

    private AdminKey(string key) => _hash = SHA256.HashData(Encoding.ASCII.GetBytes(key));

    /// <summary>Reads the key from its file, or makes both (mode 0600).</summary>
    /// <param name="path">The key file.</param>
    /// <param name="isNew">Whether it was made now.</param>
    /// <exception cref="InvalidDataException">The file holds no admin key.</exception>
    /// <exception cref="IOException">The file cannot be read or made.</exception>
    public static AdminKey LoadOrCreate(string path, out bool isNew)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string key = SecretFile.ReadOrCreate(path, NewKey, out isNew);
        return IsWellFormed(key)
            ? new AdminKey(key)
            : throw new InvalidDataException(
                $"{path} holds no admin key: it is {Prefix} and at least 43 characters of base64url. "
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

    private static string NewKey() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes));

    private static bool IsWellFormed(string key) =>
        key.StartsWith(Prefix, StringComparison.Ordinal)
        && key.Length <= CharsMax
        && Base64Url.IsValid(key.AsSpan(Prefix.Length), out int secretBytes)
        && secretBytes >= SecretBytes
        && Ascii.IsValid(key);
}
