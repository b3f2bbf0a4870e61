using System.Globalization;
using System.Text;

namespace AgentBudget.Identity;

/// <summary>What became of a proof that is good for one use.</summary>
public enum ProofOutcome
{
    /// <summary>It proves nothing, or was used before; nothing says which.</summary>
    Refused,

    /// <summary>It is good, and is used now.</summary>
    Taken,

    /// <summary>Its owner or its owner's tenant has used as many as are remembered: it may come again later.</summary>
    Exhausted,
}

/// <summary>Whose proofs are counted together.</summary>
/// <param name="Tenant">The tenant's id; empty for the operator.</param>
/// <param name="Principal">The principal within it.</param>
public readonly record struct ProofOwner(string Tenant, string Principal)
{
    /// <summary>The owner of what a caller shows.</summary>
    public static ProofOwner Of(Caller caller) => caller switch
    {
        CredentialCaller holder => Of(holder.Credential),
        SessionCaller session => new ProofOwner(session.Tenant, session.Agent),
        _ => new ProofOwner("", caller.Principal),
    };

    /// <summary>The owner of what the holder of a credential shows.</summary>
    public static ProofOwner Of(LiveCredential credential)
    {
        ArgumentNullException.ThrowIfNull(credential);
        return new ProofOwner(credential.Tenant, credential.Holder);
    }
}

/// <summary>
/// Ids that were used within the time in which they count, so that none is used twice: two generations by time, in
/// memory. What a process that ended has used is told by its file, which names a time that everything used was issued
/// at or before: nothing that old is taken after a start. Each principal and each tenant has a share; the one that uses
/// more meets its own bound, and nobody else's proof is refused for it. Safe for any thread.
/// </summary>
public sealed class ReplayMemory
{
    /// <summary>Ids of one principal in one generation: about 5 MB, and 700 proven calls a second.</summary>
    internal const int PrincipalEntriesMax = 100_000;

    /// <summary>Ids of one tenant in one generation: three principals at their bound.</summary>
    internal const int TenantEntriesMax = 300_000;

    /// <summary>
    /// How far ahead of what is used the file is written, in seconds: so often it is written at most while proofs come,
    /// and for so long after a start proofs are refused at most that a caller with a right clock makes.
    /// </summary>
    private const long LeadSeconds = 2;

    private readonly Lock _gate = new();
    private readonly long _windowSeconds;
    private readonly string? _path;
    private readonly long _forgottenSeconds;
    private Generation _young = new();
    private Generation _old = new();
    private long _turnSeconds;
    private long _writtenSeconds;

    private ReplayMemory(long windowSeconds, string? path, long forgottenSeconds)
    {
        _windowSeconds = windowSeconds;
        _path = path;
        _forgottenSeconds = forgottenSeconds;
        _writtenSeconds = forgottenSeconds;
    }

    /// <summary>Remembers proofs of keys.</summary>
    /// <param name="path">The file; null to forget with the process.</param>
    /// <exception cref="InvalidDataException">The file holds something else.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ReplayMemory OfProofs(string? path) =>
        Open(DpopProofs.AgeSecondsMax + (2 * SessionTokens.ClockSkewSeconds), path);

    /// <summary>Remembers clients' assertions; otherwise as <see cref="OfProofs"/>.</summary>
    /// <inheritdoc cref="OfProofs"/>
    public static ReplayMemory OfAssertions(string? path) =>
        Open(ClientAssertions.LifetimeSecondsMax + (3 * SessionTokens.ClockSkewSeconds), path);

    /// <summary>Uses an id, if it is new and there is room for it.</summary>
    /// <param name="owner">Whose it is.</param>
    /// <param name="id">The id.</param>
    /// <param name="issuedSeconds">When it was issued, as it says itself.</param>
    /// <param name="nowSeconds">The time.</param>
    internal ProofOutcome TryUse(ProofOwner owner, string id, long issuedSeconds, long nowSeconds)
    {
        TokenHash hash = TokenHash.Of(Encoding.UTF8.GetBytes(id));
        lock (_gate)
        {
            TurnOver(nowSeconds);
            if (issuedSeconds <= _forgottenSeconds || _old.Used.Contains(hash) || _young.Used.Contains(hash))
                return ProofOutcome.Refused;
            if (!_young.HasRoom(owner) || !TryWrite(issuedSeconds))
                return ProofOutcome.Exhausted;
            _young.Add(owner, hash);
            return ProofOutcome.Taken;
        }
    }

    private static ReplayMemory Open(long windowSeconds, string? path)
    {
        if (path is null || !File.Exists(path))
            return new ReplayMemory(windowSeconds, path, forgottenSeconds: 0);
        bool isRead = long.TryParse(
            File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds);
        return isRead
            ? new ReplayMemory(windowSeconds, path, seconds)
            : throw new InvalidDataException(
                $"{path} must hold a time in seconds: remove it once it is {windowSeconds} s old.");
    }

    private void TurnOver(long nowSeconds)
    {
        if (nowSeconds - _turnSeconds < _windowSeconds)
            return;
        _old = nowSeconds - _turnSeconds >= 2 * _windowSeconds ? new Generation() : _young;
        _young = new Generation();
        _turnSeconds = nowSeconds;
    }

    // Before the use has an effect: a process that ends right after it must not take the same again.
    private bool TryWrite(long issuedSeconds)
    {
        if (_path is null || issuedSeconds <= _writtenSeconds)
            return true;
        long ahead = issuedSeconds + LeadSeconds;
        try
        {
            SecretFile.Replace(_path, ahead.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false; // What cannot be remembered cannot be told from what was used before.
        }

        _writtenSeconds = ahead;
        return true;
    }

    private sealed class Generation
    {
        private readonly Dictionary<ProofOwner, int> _ofPrincipal = [];
        private readonly Dictionary<string, int> _ofTenant = new(StringComparer.Ordinal);

        internal HashSet<TokenHash> Used { get; } = [];

        internal bool HasRoom(ProofOwner owner) =>
            _ofPrincipal.GetValueOrDefault(owner) < PrincipalEntriesMax
            && _ofTenant.GetValueOrDefault(owner.Tenant) < TenantEntriesMax;

        internal void Add(ProofOwner owner, TokenHash hash)
        {
            Used.Add(hash);
            _ofPrincipal[owner] = _ofPrincipal.GetValueOrDefault(owner) + 1;
            _ofTenant[owner.Tenant] = _ofTenant.GetValueOrDefault(owner.Tenant) + 1;
        }
    }
}
