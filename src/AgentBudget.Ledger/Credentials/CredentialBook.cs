using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.Snapshot.V1;

namespace AgentBudget.Ledger.Credentials;

/// <summary>A tenant's credentials that are live or not yet forgotten, by number.</summary>
internal sealed class CredentialBook
{
    /// <summary>
    /// Credentials of a tenant that are live or ended within the retention; each takes well below a KiB of memory.
    /// </summary>
    internal const int CredentialsMax = 100_000;

    /// <summary>Access tokens that were ended and have not expired; they live for minutes.</summary>
    internal const int RevokedTokensMax = 100_000;

    /// <summary>Those of one credential.</summary>
    internal const int RevokedTokensOfOneMax = 10_000;

    /// <summary>Users whose tokens were ended within a day.</summary>
    internal const int RevokedUsersMax = 100_000;

    private readonly SortedDictionary<long, CredentialRecord> _credentials = [];
    private readonly SortedDictionary<string, RevokedUser> _revokedUsers = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, RevokedToken> _revokedTokens = new(StringComparer.Ordinal);
    private readonly Dictionary<long, int> _revokedTokensOf = [];

    public int Count => _credentials.Count;

    public int RevokedTokens => _revokedTokens.Count;

    public int RevokedTokensOf(long credential) => _revokedTokensOf.GetValueOrDefault(credential);

    /// <summary>By number, ascending.</summary>
    public IEnumerable<CredentialRecord> All => _credentials.Values;

    /// <summary>The credential with this number; null if it never was or may be forgotten.</summary>
    public CredentialRecord? Find(long number, long nowNanos)
    {
        bool isThere = _credentials.TryGetValue(number, out CredentialRecord? found);
        if (!isThere) return null;
        Deadline retention = found!.RetentionDeadline;
        return retention.Place != Deadline.NotQueued && retention.TimeNanos <= nowNanos ? null : found;
    }

    public CredentialRecord Of(long number)
    {
        bool isThere = _credentials.TryGetValue(number, out CredentialRecord? found);
        Invariant.Holds(isThere);
        return found!;
    }

    public void Add(CredentialRecord credential) => _credentials.Add(credential.Number, credential);

    public void Remove(CredentialRecord credential) => _credentials.Remove(credential.Number);

    public bool IsRevoked(string tokenId) => _revokedTokens.ContainsKey(tokenId);

    public void Add(RevokedToken token)
    {
        _revokedTokens.Add(token.Id, token);
        _revokedTokensOf[token.Credential] = RevokedTokensOf(token.Credential) + 1;
    }

    public void Remove(RevokedToken token)
    {
        _revokedTokens.Remove(token.Id);
        int left = RevokedTokensOf(token.Credential) - 1;
        if (left > 0) _revokedTokensOf[token.Credential] = left;
        else _revokedTokensOf.Remove(token.Credential);
    }

    public int RevokedUsers => _revokedUsers.Count;

    public RevokedUser? FindRevoked(string user) => _revokedUsers.GetValueOrDefault(user);

    /// <summary>Whether what a user gave at a time was ended.</summary>
    public bool IsRevokedFor(string user, long givenNanos) => givenNanos <= FindRevoked(user)?.UntilNanos;

    public void Add(RevokedUser user) => _revokedUsers[user.User] = user;

    public void Remove(RevokedUser user) => _revokedUsers.Remove(user.User);

    public CredentialBookState? ToState(long sequence)
    {
        if (_credentials.Count + _revokedTokens.Count + _revokedUsers.Count == 0) return null;
        var state = new CredentialBookState { Sequence = sequence };
        foreach (CredentialRecord credential in _credentials.Values) state.Credentials.Add(credential.ToState());
        foreach (RevokedToken token in _revokedTokens.Values)
        {
            state.RevokedTokens.Add(new RevokedTokenState
            {
                TokenId = token.Id,
                ExpireNanos = token.ExpireNanos,
                Credential = token.Credential,
            });
        }

        foreach (RevokedUser user in _revokedUsers.Values)
            state.RevokedUsers.Add(new RevokedUserState { User = user.User, UntilNanos = user.UntilNanos });
        return state;
    }
}
