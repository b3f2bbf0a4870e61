using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Identity;

/// <summary>How looking a presented credential up ended.</summary>
public enum CredentialLookup
{
    /// <summary>It is live; the caller is known.</summary>
    Live,

    /// <summary>It is none, or not live; nothing says which.</summary>
    Refused,

    /// <summary>Its tenant's credentials are not in memory: load them and look again.</summary>
    TenantNotLoaded,
}

/// <summary>
/// The live credentials of the tenants that this process was asked about, kept from their ledgers' events: a call is
/// authenticated without asking the tenant. Safe for any thread.
/// </summary>
/// <param name="time">The clock of expiries.</param>
public sealed class CredentialDirectory(TimeProvider time)
{
    /// <summary>Tenants that are known to be absent; more of them are asked for each time.</summary>
    private const int AbsentMax = 10_000;

    /// <summary>How long a tenant that was absent is taken for that, in seconds.</summary>
    private const long AbsentSeconds = 10;

    private const long NanosPerSecond = 1_000_000_000;

    private readonly ConcurrentDictionary<string, TenantCredentials> _tenants = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _absent = new(StringComparer.Ordinal);
    private long _wrongSecrets;
    private long _unknown;

    /// <summary>Wrong secrets that were shown for credentials that there are, since the start.</summary>
    public long WrongSecrets => Interlocked.Read(ref _wrongSecrets);

    /// <summary>Secrets that were shown for credentials that there are not, since the start.</summary>
    public long UnknownCredentials => Interlocked.Read(ref _unknown);

    /// <summary>Whether a text may be a credential: it then names its tenant.</summary>
    public static bool TryGetTenant(ReadOnlySpan<char> presented, [NotNullWhen(true)] out string? tenant)
    {
        bool isCredential = CredentialSecret.TryParse(presented, out PresentedSecret parsed);
        tenant = isCredential ? parsed.Tenant.ToString() : null;
        return isCredential;
    }

    /// <summary>Authenticates a presented credential. One hash at most; allocates nothing.</summary>
    /// <param name="presented">The text.</param>
    /// <param name="known">
    /// Whom this very text authenticated before, or null: its secret is then not hashed again; all else is looked at.
    /// </param>
    /// <param name="origin">Where the call comes from: one that is bound is worth nothing from elsewhere.</param>
    /// <param name="caller">Who calls, if live.</param>
    public CredentialLookup Find(
        ReadOnlySpan<char> presented, object? known, in CallOrigin origin, out CredentialCaller? caller)
    {
        caller = null;
        if (!CredentialSecret.TryParse(presented, out PresentedSecret parsed))
            return CredentialLookup.Refused;
        DateTimeOffset now = time.GetUtcNow();
        LiveCredential? found = null;
        if (_tenants.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(
            parsed.Tenant, out TenantCredentials? credentials))
        {
            credentials.Live.TryGetValue(parsed.Number, out found);
        }
        else if (!IsAbsent(parsed.Tenant, now))
        {
            return CredentialLookup.TenantNotLoaded;
        }

        if (found is null)
        {
            // As much work as for a wrong secret: nobody is to learn by the clock which tenants and credentials
            // there are.
            CredentialSecret.Matches(parsed.Secret, CredentialSecret.NoHash);
            Interlocked.Increment(ref _unknown);
            return CredentialLookup.Refused;
        }

        bool isRight = ReferenceEquals(found.Caller, known) || found.Matches(parsed.Secret);
        if (!isRight || !parsed.Prefix.SequenceEqual(found.Caller.SecretPrefix))
        {
            NoteWrong(found);
            return CredentialLookup.Refused;
        }

        if (!found.IsLive(now) || !found.IsFrom(origin))
            return CredentialLookup.Refused;

        if (!origin.IsReview)
            found.Usage.Note(origin.Place, now.ToUnixTimeSeconds());
        caller = found.Caller;
        return CredentialLookup.Live;
    }

    /// <summary>
    /// The credential with this key id, whatever is presented for it: for a client that proves its key otherwise.
    /// </summary>
    public CredentialLookup FindByKeyId(ReadOnlySpan<char> keyId, out LiveCredential? credential)
    {
        credential = null;
        if (!CredentialSecret.TryParseKeyId(keyId, out ReadOnlySpan<char> tenant, out long number))
            return CredentialLookup.Refused;
        if (!_tenants.TryGetValue(tenant.ToString(), out TenantCredentials? credentials))
            return IsAbsent(tenant, time.GetUtcNow()) ? CredentialLookup.Refused : CredentialLookup.TenantNotLoaded;
        if (!credentials.Live.TryGetValue(number, out LiveCredential? found) || !found.IsLive(time.GetUtcNow()))
            return CredentialLookup.Refused;
        credential = found;
        return CredentialLookup.Live;
    }

    /// <summary>Something was shown for the credential that does not prove it.</summary>
    public void NoteWrong(LiveCredential credential)
    {
        ArgumentNullException.ThrowIfNull(credential);
        credential.Usage.NoteWrong();
        Interlocked.Increment(ref _wrongSecrets);
    }

    /// <summary>There is no such tenant now.</summary>
    public void NoteAbsent(string tenant)
    {
        if (_absent.Count >= AbsentMax)
            _absent.Clear();
        _absent[tenant] = time.GetUtcNow().ToUnixTimeSeconds() + AbsentSeconds;
    }

    /// <summary>There may be such a tenant from now on.</summary>
    public void NotePresent(string tenant) => _absent.TryRemove(tenant, out _);

    /// <summary>
    /// The credential that an access token was issued to, if the token counts: neither it nor a token that it was
    /// exchanged from was ended before its time, and the credentials of all of them are live.
    /// </summary>
    public CredentialLookup FindHolder(AccessToken token, out LiveCredential? credential)
    {
        ArgumentNullException.ThrowIfNull(token);
        CredentialLookup found = FindByKeyId(token.ClientId, out credential);
        if (credential is null)
            return found;
        bool isEnded = IsRevoked(credential.Tenant, token.Id)
            || (token.Actor.Length > 0
                && IsRevokedFor(credential.Tenant, token.Subject, token.DelegationStartSeconds));
        foreach (TokenSource source in token.Sources)
        {
            isEnded = isEnded || IsRevoked(credential.Tenant, source.Id)
                || FindByKeyId(source.ClientId, out LiveCredential? other) != CredentialLookup.Live
                || other!.Tenant != credential.Tenant;
        }

        if (!isEnded)
            return CredentialLookup.Live;
        credential = null;
        return CredentialLookup.Refused;
    }

    /// <summary>Whether what a user gave at a time, in seconds since 1970, was ended.</summary>
    public bool IsRevokedFor(string tenant, string user, long givenSeconds) =>
        _tenants.TryGetValue(tenant, out TenantCredentials? credentials)
        && credentials.RevokedUsers.TryGetValue(user, out long untilNanos)
        && givenSeconds <= untilNanos / NanosPerSecond;

    private bool IsRevoked(string tenant, string tokenId) =>
        _tenants.TryGetValue(tenant, out TenantCredentials? credentials)
        && credentials.RevokedTokens.ContainsKey(tokenId);

    /// <summary>The number of a key id such as <c>acme.c17</c>, not checked; 0 for a text that is none.</summary>
    public static long NumberOfKeyId(string keyId) =>
        CredentialSecret.TryParseKeyId(keyId, out _, out long number) ? number : 0;

    /// <summary>The tenant of a key id such as <c>acme.c17</c>, not checked; null for a text that is none.</summary>
    public static string? TenantOfKeyId(string keyId) =>
        CredentialSecret.TryParseKeyId(keyId, out ReadOnlySpan<char> tenant, out _) ? tenant.ToString() : null;

    /// <summary>
    /// Whether a credential that was proven otherwise than by its secret may be used from there; then it was.
    /// </summary>
    public bool TryUse(LiveCredential credential, in CallOrigin origin)
    {
        ArgumentNullException.ThrowIfNull(credential);
        if (!credential.IsFrom(origin))
            return false;
        if (!origin.IsReview)
            credential.Usage.Note(origin.Place, time.GetUtcNow().ToUnixTimeSeconds());
        return true;
    }

    /// <summary>When a credential was last used, in seconds since 1970; 0 for not, as far as is known here.</summary>
    public long LastUseSeconds(string tenant, long number) =>
        _tenants.TryGetValue(tenant, out TenantCredentials? credentials)
        && credentials.Live.TryGetValue(number, out LiveCredential? found)
            ? found.Usage.LastUseSeconds
            : 0;

    /// <summary>The tenants that are loaded.</summary>
    public IReadOnlyCollection<string> Tenants => [.. _tenants.Keys];

    /// <summary>What is known here of the use of a tenant's live credentials, by number.</summary>
    public IReadOnlyList<CredentialUse> LookAtUses(string tenant) => UsesOf(
        tenant, static live => live.Usage.Look(live.Number), int.MaxValue);

    /// <summary>
    /// The uses of a tenant's credentials that are to be told to its ledger now, by number: all that are left
    /// <paramref name="isEnd"/>. They count as told until they are given back.
    /// </summary>
    public IReadOnlyList<CredentialUse> TakeUses(string tenant, int countMax, bool isEnd)
    {
        long nowSeconds = time.GetUtcNow().ToUnixTimeSeconds();
        return UsesOf(tenant, live => live.Usage.Take(live.Number, nowSeconds, isEnd), countMax);
    }

    /// <summary>What was taken could not be told: it comes again.</summary>
    public void GiveBack(string tenant, IReadOnlyList<CredentialUse> uses)
    {
        ArgumentNullException.ThrowIfNull(uses);
        if (!_tenants.TryGetValue(tenant, out TenantCredentials? credentials))
            return;
        foreach (CredentialUse use in uses)
        {
            if (credentials.Live.TryGetValue(use.Credential, out LiveCredential? live))
                live.Usage.GiveBack(use);
        }
    }

    /// <summary>The last event that is in the tenant's credentials; null when they are not loaded.</summary>
    public long? Position(string tenant) =>
        _tenants.TryGetValue(tenant, out TenantCredentials? credentials) ? credentials.Position : null;

    /// <summary>Takes a tenant's credentials as they are after an event.</summary>
    public void Load(string tenant, CredentialBookState book)
    {
        ArgumentNullException.ThrowIfNull(book);
        TenantCredentials loaded = new() { Position = book.Sequence };
        foreach (CredentialState state in book.Credentials)
        {
            if (state.RevokeNanos == 0)
                loaded.Live[state.Number] = new LiveCredential(tenant, state);
        }

        foreach (RevokedTokenState token in book.RevokedTokens)
            loaded.RevokedTokens[token.TokenId] = token.ExpireNanos;
        foreach (RevokedUserState user in book.RevokedUsers)
            loaded.RevokedUsers[user.User] = user.UntilNanos;
        _tenants[tenant] = loaded;
    }

    /// <summary>Forgets a tenant: the next call with one of its credentials loads it again.</summary>
    public void Unload(string tenant) => _tenants.TryRemove(tenant, out _);

    /// <summary>Follows the events of a loaded tenant, in order. The events are not kept.</summary>
    public void Apply(string tenant, IReadOnlyList<LedgerEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        if (!_tenants.TryGetValue(tenant, out TenantCredentials? credentials))
            return;
        for (int index = 0; index < events.Count; index++)
            Apply(tenant, credentials, events[index]);
        credentials.Position = events[^1].Sequence;
    }

    private bool IsAbsent(ReadOnlySpan<char> tenant, DateTimeOffset now) =>
        _absent.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(tenant, out long untilSeconds)
        && now.ToUnixTimeSeconds() < untilSeconds;

    private List<CredentialUse> UsesOf(string tenant, Func<LiveCredential, CredentialUse?> use, int countMax)
    {
        List<CredentialUse> uses = [];
        if (!_tenants.TryGetValue(tenant, out TenantCredentials? credentials))
            return uses;
        foreach (LiveCredential live in credentials.Live.Values)
        {
            if (uses.Count == countMax)
                break;
            if (use(live) is { } found)
                uses.Add(found);
        }

        uses.Sort((one, other) => one.Credential.CompareTo(other.Credential));
        return uses;
    }

    private static void Apply(string tenant, TenantCredentials credentials, LedgerEvent ledgerEvent)
    {
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.CredentialCreated:
                credentials.Live[ledgerEvent.Sequence] = new LiveCredential(tenant, StateOf(ledgerEvent));
                break;
            case LedgerEvent.FactOneofCase.CredentialRevoked:
                credentials.Revoke(ledgerEvent.CredentialRevoked.Credential);
                break;
            case LedgerEvent.FactOneofCase.AgentDecommissioned:
                foreach (long credential in ledgerEvent.AgentDecommissioned.Credentials)
                    credentials.Revoke(credential);
                break;
            case LedgerEvent.FactOneofCase.AccessTokenRevoked:
                AccessTokenRevoked revoked = ledgerEvent.AccessTokenRevoked;
                credentials.Revoke(revoked.TokenId, NanosOf(revoked.ExpireTime), NanosOf(ledgerEvent.Time));
                break;
            case LedgerEvent.FactOneofCase.SessionsRevoked:
                if (ledgerEvent.SessionsRevoked.DelegationsUntil is { } until)
                    credentials.RevokedUsers[ledgerEvent.SessionsRevoked.OnBehalfOf] = NanosOf(until);
                break;
            default:
                break; // Nothing else makes or ends what a caller presents.
        }
    }

    private static CredentialState StateOf(LedgerEvent ledgerEvent)
    {
        CredentialCreated created = ledgerEvent.CredentialCreated;
        CredentialState state = new()
        {
            Number = ledgerEvent.Sequence,
            Principal = created.Principal,
            Role = created.Role,
            SecretSha256 = created.SecretSha256,
            PublicJwk = created.PublicJwk,
            CertificateSha256 = created.CertificateSha256,
            ExpireNanos = NanosOf(created.ExpireTime),
        };
        state.Grains.Add(created.Grains);
        return state;
    }

    private static long NanosOf(Timestamp? time) => time is null ? 0 : (time.Seconds * NanosPerSecond) + time.Nanos;

    private sealed class TenantCredentials
    {
        private long _position;

        public ConcurrentDictionary<long, LiveCredential> Live { get; } = new();

        /// <summary>By id, when each would have expired.</summary>
        public ConcurrentDictionary<string, long> RevokedTokens { get; } = new(StringComparer.Ordinal);

        /// <summary>
        /// By user, until when what each gave is worth nothing. As many as are named; a later load has those of a day.
        /// </summary>
        public ConcurrentDictionary<string, long> RevokedUsers { get; } = new(StringComparer.Ordinal);

        public long Position
        {
            get => Volatile.Read(ref _position);
            set => Volatile.Write(ref _position, value);
        }

        public void Revoke(string tokenId, long expireNanos, long nowNanos)
        {
            RevokedTokens[tokenId] = expireNanos;
            // Rare, so what is past leaves with the next that comes.
            foreach ((string id, long end) in RevokedTokens)
            {
                if (end <= nowNanos)
                    RevokedTokens.TryRemove(id, out _);
            }
        }

        public void Revoke(long number)
        {
            if (Live.TryRemove(number, out LiveCredential? revoked))
                revoked.Revoke();
        }
    }
}
