using System.Text.Json;

namespace AgentBudget.Identity;

/// <summary>One change of the signing key.</summary>
/// <param name="RequestId">The request that asked for it.</param>
/// <param name="KeyId">The key that signs from then on.</param>
/// <param name="RetiredKeyId">The key that signed before.</param>
/// <param name="RetireSeconds">Until when tokens of the retired key are taken, in seconds since 1970.</param>
public sealed record KeyRotation(string RequestId, string KeyId, string RetiredKeyId, long RetireSeconds);

/// <summary>
/// The key that signs, and the public parts of those that signed before and whose tokens are still taken. In two files:
/// the private key, and the retired ones. Safe for any thread.
/// </summary>
public sealed class KeyRing : IDisposable
{
    /// <summary>Rotations within an overlap; more would only be a loop that went wrong.</summary>
    public const int RetiredMax = 100;

    /// <summary>How long a key that counts no more is remembered, so that a request that is repeated ends none but it.
    /// </summary>
    private const long RememberedSeconds = 24 * 3600;

    private readonly Lock _gate = new();
    private readonly List<SigningKey> _keys = [];
    private readonly string _keyPath;
    private readonly string _retiredPath;
    private readonly SharedKeyRing? _shared;
    private List<RetiredKey> _retired;
    private SigningKey _current;
    private SigningKey? _next; // Signs soon at another silo, or does already.
    private long _adopted;
    private int _version;
    private long _nextRetireSeconds = long.MaxValue;

    /// <summary>The keys of a cluster, as its store has them.</summary>
    internal KeyRing(SharedKeyRing shared, SharedKeyRing.Document document, long version)
        : this(SigningKey.Read(document.Current, SharedKeyRing.Place), document.Retired, keyPath: "", retiredPath: "")
    {
        _shared = shared;
        Adopt(document, version);
    }

    private KeyRing(SigningKey current, List<RetiredKey> retired, string keyPath, string retiredPath)
    {
        _current = current;
        _retired = retired;
        _keyPath = keyPath;
        _retiredPath = retiredPath;
        _keys.Add(current);
        SetNextRetire();
    }

    /// <summary>The key that signs now.</summary>
    public SigningKey Current => Volatile.Read(ref _current);

    /// <summary>Reads the keys from their files, or makes the signing key.</summary>
    /// <exception cref="InvalidDataException">A file holds something else.</exception>
    /// <exception cref="IOException">A file cannot be read or made.</exception>
    public static KeyRing LoadOrCreate(string keyPath, string retiredPath)
    {
        List<RetiredKey> retired = [];
        if (File.Exists(retiredPath))
        {
            try
            {
                retired = JsonSerializer.Deserialize<List<RetiredKey>>(File.ReadAllText(retiredPath)) ?? [];
            }
            catch (JsonException fault)
            {
                throw new InvalidDataException(
                    $"{retiredPath} holds no retired keys: restore it, or remove it to end their tokens.", fault);
            }
        }

        return new KeyRing(SigningKey.LoadOrCreate(keyPath), retired, keyPath, retiredPath);
    }

    /// <summary>A ring of one key that cannot be rotated.</summary>
    internal static KeyRing Of(SigningKey key) => new(key, [], keyPath: "", retiredPath: "");

    /// <summary>As <see cref="Rotate"/>, on every silo of a cluster: when it completes, the next call sees it.
    /// </summary>
    /// <inheritdoc cref="Rotate"/>
    public async ValueTask<KeyRotation?> RotateAsync(string requestId, DateTimeOffset now, TimeSpan overlap) =>
        _shared is null ? Rotate(requestId, now, overlap) : await _shared.RotateAsync(requestId, now, overlap);

    /// <summary>As <see cref="End"/>, on every silo of a cluster: when it completes, the next call sees it.</summary>
    /// <inheritdoc cref="End"/>
    public async ValueTask<KeyRotation?> EndAsync(
        string requestId, string keyId, DateTimeOffset now, TimeSpan overlap) =>
        _shared is null ? End(requestId, keyId, now, overlap) : await _shared.EndAsync(requestId, keyId, now, overlap);

    /// <summary>
    /// Makes another key sign. The same request again answers what it did. Null when too many keys are retired already.
    /// </summary>
    /// <param name="requestId">The request.</param>
    /// <param name="now">The time.</param>
    /// <param name="overlap">How long tokens of the present key are taken from now on.</param>
    /// <exception cref="IOException">A file cannot be written; the present key signs on.</exception>
    public KeyRotation? Rotate(string requestId, DateTimeOffset now, TimeSpan overlap)
    {
        lock (_gate)
        {
            if (AnswerTo(requestId) is { } again)
                return again;
            DropRetired(now.ToUnixTimeSeconds());
            if (_retired.Count(key => key.RetireSeconds > now.ToUnixTimeSeconds()) >= RetiredMax)
                return null;
            // The old key is kept before the new one signs: a crash between leaves both known.
            SigningKey old = _current;
            string pending = _keyPath + ".next";
            SigningKey next = SigningKey.LoadOrCreate(pending);
            long retireSeconds = (now + overlap).ToUnixTimeSeconds();
            RetiredKey retired = new(
                new KeyRotation(requestId, next.KeyId, old.KeyId, retireSeconds), old.PublicJwk);
            List<RetiredKey> all = [.. _retired, retired];
            Write(all);
            File.Move(pending, _keyPath, overwrite: true);
            _retired = all;
            _keys.Add(next);
            Volatile.Write(ref _current, next);
            SetNextRetire();
            Interlocked.Increment(ref _version);
            return retired.Rotation;
        }
    }

    /// <summary>
    /// Ends a key that signed before, after the overlap or at its own time if that is sooner; the present key signs on.
    /// The same request again answers what it did. Null for a key that is not one of those whose tokens are taken.
    /// </summary>
    /// <param name="requestId">The request.</param>
    /// <param name="keyId">The key.</param>
    /// <param name="now">The time.</param>
    /// <param name="overlap">How long its tokens are taken from now on.</param>
    /// <exception cref="IOException">The file cannot be written; the key counts on.</exception>
    public KeyRotation? End(string requestId, string keyId, DateTimeOffset now, TimeSpan overlap)
    {
        lock (_gate)
        {
            if (AnswerTo(requestId) is { } again)
                return again;
            long nowSeconds = now.ToUnixTimeSeconds();
            DropRetired(nowSeconds);
            int place = _retired.FindIndex(
                key => key.Rotation.RetiredKeyId == keyId && key.RetireSeconds > nowSeconds);
            if (place < 0)
                return null;
            long endSeconds = Math.Min(_retired[place].RetireSeconds, (now + overlap).ToUnixTimeSeconds());
            KeyRotation end = new(requestId, _current.KeyId, keyId, endSeconds);
            List<RetiredKey> all = [.. _retired];
            all[place] = all[place] with { EndedBy = end };
            Write(all);
            _retired = all;
            SetNextRetire();
            Interlocked.Increment(ref _version);
            return end;
        }
    }

    private KeyRotation? AnswerTo(string requestId) => RetiredKey.AnswerTo(_retired, requestId);

    private void Write(List<RetiredKey> retired) =>
        SecretFile.Replace(_retiredPath, JsonSerializer.Serialize(retired));

    /// <summary>The public keys as a JSON Web Key Set (RFC 7517): the one that signs, then those still taken.</summary>
    public string ToJwks(DateTimeOffset now)
    {
        lock (_gate)
        {
            IEnumerable<Dictionary<string, string>> keys = _retired
                .Where(key => key.RetireSeconds > now.ToUnixTimeSeconds())
                .Select(key => key.PublicJwk)
                .Prepend(_current.PublicJwk)
                .Concat(_next is null ? [] : [_next.PublicJwk]);
            return JsonSerializer.Serialize(new Dictionary<string, object> { ["keys"] = keys });
        }
    }

    /// <summary>A number that is another whenever other keys count: what was checked before is checked again.</summary>
    internal int VersionAt(long nowSeconds)
    {
        if (nowSeconds >= Volatile.Read(ref _nextRetireSeconds))
        {
            lock (_gate)
                DropRetired(nowSeconds);
        }

        return Volatile.Read(ref _version);
    }

    /// <summary>The keys whose tokens are taken.</summary>
    internal IReadOnlyList<PublicKey> VerifyingKeys(long nowSeconds)
    {
        lock (_gate)
        {
            IEnumerable<PublicKey?> keys = _retired
                .Where(key => key.RetireSeconds > nowSeconds)
                .Select(key => key.PublicJwk)
                .Prepend(_current.PublicJwk)
                .Concat(_next is null ? [] : [_next.PublicJwk])
                .Select(jwk => PublicKey.Read(JsonSerializer.Serialize(jwk)));
            return [.. keys.OfType<PublicKey>()];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SigningKey key in _keys)
            key.Dispose();
    }

    /// <summary>Takes the keys as the cluster's store has them, unless they are older than those that are here.
    /// </summary>
    internal void Adopt(SharedKeyRing.Document document, long version)
    {
        lock (_gate)
        {
            if (version <= _adopted) return;
            _adopted = version;
            _retired = document.Retired;
            _next = document.Next is null ? null : KeyOf(document.Next);
            Volatile.Write(ref _current, KeyOf(document.Current));
            SetNextRetire();
            Interlocked.Increment(ref _version);
        }
    }

    private SigningKey KeyOf(string pem)
    {
        SigningKey read = SigningKey.Read(pem, SharedKeyRing.Place);
        if (_keys.Find(key => key.KeyId == read.KeyId) is { } known)
        {
            read.Dispose();
            return known;
        }

        _keys.Add(read);
        return read;
    }

    private void DropRetired(long nowSeconds)
    {
        _retired = [.. _retired.Where(key => key.RetireSeconds + RememberedSeconds > nowSeconds)];
        if (nowSeconds < _nextRetireSeconds)
            return;
        SetNextRetire(nowSeconds);
        Interlocked.Increment(ref _version);
    }

    // When the next of those ends whose tokens are taken now.
    private void SetNextRetire(long nowSeconds = long.MinValue) => Volatile.Write(
        ref _nextRetireSeconds,
        _retired.Where(key => key.RetireSeconds > nowSeconds)
            .Select(key => key.RetireSeconds)
            .DefaultIfEmpty(long.MaxValue)
            .Min());
}
