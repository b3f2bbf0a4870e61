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

    private readonly Lock _gate = new();
    private readonly List<SigningKey> _keys = [];
    private readonly string _keyPath;
    private readonly string _retiredPath;
    private List<RetiredKey> _retired;
    private SigningKey _current;
    private int _version;
    private long _nextRetireSeconds = long.MaxValue;

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
            if (_retired.Find(key => key.Rotation.RequestId == requestId) is { } again)
                return again.Rotation;
            DropRetired(now.ToUnixTimeSeconds());
            if (_retired.Count >= RetiredMax)
                return null;
            // The old key is kept before the new one signs: a crash between leaves both known.
            SigningKey old = _current;
            string pending = _keyPath + ".next";
            SigningKey next = SigningKey.LoadOrCreate(pending);
            long retireSeconds = (now + overlap).ToUnixTimeSeconds();
            RetiredKey retired = new(
                new KeyRotation(requestId, next.KeyId, old.KeyId, retireSeconds), old.PublicJwk);
            SecretFile.Replace(_retiredPath, JsonSerializer.Serialize<List<RetiredKey>>([.. _retired, retired]));
            File.Move(pending, _keyPath, overwrite: true);
            _retired = [.. _retired, retired];
            _keys.Add(next);
            Volatile.Write(ref _current, next);
            SetNextRetire();
            Interlocked.Increment(ref _version);
            return retired.Rotation;
        }
    }

    /// <summary>The public keys as a JSON Web Key Set (RFC 7517): the one that signs, then those still taken.</summary>
    public string ToJwks(DateTimeOffset now)
    {
        lock (_gate)
        {
            DropRetired(now.ToUnixTimeSeconds());
            IEnumerable<Dictionary<string, string>> keys =
                _retired.Select(key => key.PublicJwk).Prepend(_current.PublicJwk);
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
    internal IReadOnlyList<PublicKey> VerifyingKeys()
    {
        lock (_gate)
        {
            IEnumerable<PublicKey?> keys = _retired.Select(key => key.PublicJwk).Prepend(_current.PublicJwk)
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

    private void DropRetired(long nowSeconds)
    {
        if (_retired.RemoveAll(key => key.Rotation.RetireSeconds <= nowSeconds) == 0)
            return;
        SetNextRetire();
        Interlocked.Increment(ref _version);
    }

    private void SetNextRetire() => Volatile.Write(
        ref _nextRetireSeconds,
        _retired.Count == 0 ? long.MaxValue : _retired.Min(key => key.Rotation.RetireSeconds));

    private sealed record RetiredKey(KeyRotation Rotation, Dictionary<string, string> PublicJwk);
}
