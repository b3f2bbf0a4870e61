using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Identity;

/// <summary>
/// Names reservations for callers, so that nobody can guess the name of another's and nobody sees from two of them how
/// many events a tenant's ledger had in between. A name is one block of AES-256 over the reservation's number and its
/// session's, in the key of the silos; it is read back only within that tenant and session. Safe for any thread.
/// </summary>
public sealed class ReservationIds : IDisposable
{
    private const string KeyPrefix = "abi_";
    private const char Prefix = 'r';
    private const int KeyBytes = 32;
    private const int BlockBytes = 16;
    private const int IdChars = 1 + (((BlockBytes * 8) + 5) / 6); // Base64url without padding, behind the prefix.
    private const int FormerCharsMax = 1 + 19; // Former releases named them by their numbers, r1042.

    private readonly ConcurrentDictionary<string, Whitening> _tenants = new(StringComparer.Ordinal);
    private readonly ThreadLocal<Block> _blocks;

    private ReservationIds(byte[] key) => _blocks = new ThreadLocal<Block>(() => new Block(key), trackAllValues: true);

    /// <summary>Reads the key from its file, or makes both (mode 0600). All silos of a cluster have the same.</summary>
    /// <exception cref="InvalidDataException">The file holds no such key.</exception>
    /// <exception cref="IOException">The file cannot be read or made.</exception>
    public static ReservationIds LoadOrCreate(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string text = SecretFile.ReadOrCreate(
            path, () => KeyPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(KeyBytes)), out _);
        bool isKey = text.StartsWith(KeyPrefix, StringComparison.Ordinal)
            && Base64Url.IsValid(text.AsSpan(KeyPrefix.Length), out int bytes)
            && bytes == KeyBytes;
        return isKey
            ? new ReservationIds(Base64Url.DecodeFromChars(text.AsSpan(KeyPrefix.Length)))
            : throw new InvalidDataException(
                $"{path} holds no key: it is {KeyPrefix} and 43 characters of base64url. Restore it: without it no "
                + "hold that is open now can be settled.");
    }

    /// <summary>The name of a reservation.</summary>
    public string Of(string tenant, long session, long reservation)
    {
        Whitening whitening = WhiteningOf(tenant);
        Block block = _blocks.Value!;
        BinaryPrimitives.WriteInt64LittleEndian(block.Bytes, reservation ^ whitening.First);
        BinaryPrimitives.WriteInt64LittleEndian(block.Bytes.AsSpan(sizeof(long)), session ^ whitening.Second);
        block.Encrypt();
        Span<char> id = stackalloc char[IdChars];
        id[0] = Prefix;
        Base64Url.EncodeToChars(block.Bytes, id[1..]);
        return id.ToString();
    }

    /// <summary>
    /// The reservation that a name is of; 0 unless it was named for this tenant and session. One that a former release
    /// named says so, and says nothing about its session.
    /// </summary>
    public long Read(string? id, string tenant, long session, out bool isFormer) =>
        TryRead(id, tenant, session, out long reservation, out isFormer) ? reservation : 0;

    /// <summary>The same; false where there is none.</summary>
    public bool TryRead(string? id, string tenant, long session, out long reservation, out bool isFormer) =>
        TryRead(id, tenant, out reservation, out long named, out isFormer) && (isFormer || named == session);

    /// <summary>
    /// The same with the session that the name was made for, for who may see every session of the tenant. What the name
    /// of a former release says of its session is 0.
    /// </summary>
    public bool TryRead(string? id, string tenant, out long reservation, out long session, out bool isFormer)
    {
        reservation = session = 0;
        isFormer = id is { Length: <= FormerCharsMax };
        if (id is null || id.Length < 2 || id[0] != Prefix) return false;
        if (isFormer)
        {
            return id[1] != '0'
                && long.TryParse(id.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out reservation);
        }

        Block block = _blocks.Value!;
        if (id.Length != IdChars || !Base64Url.TryDecodeFromChars(id.AsSpan(1), block.Bytes, out int bytes)
            || bytes != BlockBytes)
        {
            return false;
        }

        Whitening whitening = WhiteningOf(tenant);
        block.Decrypt();
        reservation = BinaryPrimitives.ReadInt64LittleEndian(block.Bytes) ^ whitening.First;
        session = BinaryPrimitives.ReadInt64LittleEndian(block.Bytes.AsSpan(sizeof(long))) ^ whitening.Second;
        return session > 0 && reservation > 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Block block in _blocks.Values) block.Dispose();
        _blocks.Dispose();
    }

    // The same numbers of two tenants are two blocks.
    private Whitening WhiteningOf(string tenant) =>
        _tenants.TryGetValue(tenant, out Whitening known) ? known : _tenants.GetOrAdd(tenant, MakeWhitening);

    private static Whitening MakeWhitening(string tenant)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(tenant));
        return new Whitening(
            BinaryPrimitives.ReadInt64LittleEndian(hash), BinaryPrimitives.ReadInt64LittleEndian(hash.AsSpan(8)));
    }

    private readonly record struct Whitening(long First, long Second);

    // One block and its cipher; a thread's own, since setting a cipher up costs more than a block.
    private sealed class Block : IDisposable
    {
        private readonly Aes _aes = Aes.Create();
        private readonly ICryptoTransform _encryptor;
        private readonly ICryptoTransform _decryptor;

        public Block(byte[] key)
        {
            _aes.Key = key;
            // One block is all there is to a name, so there is nothing to chain.
            _aes.Mode = CipherMode.ECB;
            _aes.Padding = PaddingMode.None;
            _encryptor = _aes.CreateEncryptor();
            _decryptor = _aes.CreateDecryptor();
        }

        public byte[] Bytes { get; } = new byte[BlockBytes];

        public void Encrypt() => _encryptor.TransformBlock(Bytes, 0, BlockBytes, Bytes, 0);

        public void Decrypt() => _decryptor.TransformBlock(Bytes, 0, BlockBytes, Bytes, 0);

        public void Dispose()
        {
            _encryptor.Dispose();
            _decryptor.Dispose();
            _aes.Dispose();
        }
    }
}
