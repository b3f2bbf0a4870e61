using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Identity;

/// <summary>
/// The key of a cluster, which its operator gives to each silo and the store never sees: what silos share is sealed
/// with it (AES-256-GCM, under a key of the store's own by HKDF, RFC 5869). Safe for any thread.
/// </summary>
public sealed class ClusterKey : IDisposable
{
    /// <summary>Fewer could be guessed.</summary>
    public const int BytesMin = 32;

    private const int BytesMax = 4096; // Anything larger is another file.
    private const byte Format = 1;
    private const int NonceBytes = 12; // NIST SP 800-38D §8.2: what the cipher is made for.
    private const int TagBytes = 16;

    private static readonly byte[] Purpose = "agentbudget shared secrets 1"u8.ToArray();

    private readonly byte[] _master;

    private ClusterKey(byte[] master) => _master = master;

    /// <summary>Reads the key from its file: any bytes, white space at the end apart.</summary>
    /// <exception cref="InvalidDataException">There are too few of them, or too many.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ClusterKey Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (new FileInfo(path).Length > BytesMax)
            throw new InvalidDataException($"{path} is larger than {BytesMax} bytes: it is no key of a cluster.");
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(path).AsSpan().TrimEnd(" \t\r\n"u8);
        return bytes.Length >= BytesMin
            ? new ClusterKey(bytes.ToArray())
            : throw new InvalidDataException(
                $"{path} has {bytes.Length} bytes and a cluster's key has {BytesMin} or more: make one with "
                + "openssl rand -base64 48, and give the same to every silo.");
    }

    /// <summary>Seals a secret of one name in one store; opened as another it is none.</summary>
    internal byte[] Seal(Guid store, string name, ReadOnlySpan<byte> secret)
    {
        byte[] sealedBytes = new byte[1 + NonceBytes + secret.Length + TagBytes];
        sealedBytes[0] = Format;
        Span<byte> nonce = sealedBytes.AsSpan(1, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using AesGcm cipher = CipherOf(store);
        cipher.Encrypt(
            nonce,
            secret,
            sealedBytes.AsSpan(1 + NonceBytes, secret.Length),
            sealedBytes.AsSpan(1 + NonceBytes + secret.Length),
            Encoding.UTF8.GetBytes(name));
        return sealedBytes;
    }

    /// <summary>The secret; null for what was not sealed with this key for this store and name.</summary>
    internal byte[]? Open(Guid store, string name, ReadOnlySpan<byte> sealedBytes)
    {
        int length = sealedBytes.Length - 1 - NonceBytes - TagBytes;
        if (length < 0 || sealedBytes[0] != Format) return null;
        byte[] secret = new byte[length];
        using AesGcm cipher = CipherOf(store);
        try
        {
            cipher.Decrypt(
                sealedBytes.Slice(1, NonceBytes),
                sealedBytes.Slice(1 + NonceBytes, length),
                sealedBytes[(1 + NonceBytes + length)..],
                secret,
                Encoding.UTF8.GetBytes(name));
            return secret;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => CryptographicOperations.ZeroMemory(_master);

    private AesGcm CipherOf(Guid store)
    {
        Span<byte> key = stackalloc byte[32];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _master, key, store.ToByteArray(), Purpose);
        return new AesGcm(key, TagBytes);
    }
}
