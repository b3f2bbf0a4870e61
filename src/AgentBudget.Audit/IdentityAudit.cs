using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>A credential that was made and not revoked.</summary>
/// <param name="Principal">Whose.</param>
/// <param name="EndNanos">When it expires; null for never.</param>
internal sealed record AuditCredential(string Principal, Int128? EndNanos);

/// <summary>Who may call, and which agents may act.</summary>
internal static class IdentityAudit
{
    private const int Sha256Bytes = 32;
    private const int Sha256Chars = 43; // Base64url without padding.
    private const int PlacesMax = 8;
    private static readonly Int128 ClockSkew = 5_000_000_000;

    public static void Create(AuditState state, CredentialCreated created)
    {
        bool isAgents = created.Role == Role.Agent;
        if (created.Role == Role.Unspecified || created.Principal.Length == 0)
            state.Find(AuditRule.Credential, "it names no principal or no role");
        else if (isAgents && !state.Agents.ContainsKey(created.Principal))
            state.Find(AuditRule.Credential, $"'{created.Principal}' is no agent of the catalog");
        else if (isAgents && state.Decommissioned.Contains(created.Principal))
            state.Find(AuditRule.Credential, $"{created.Principal} is decommissioned");
        bool hasSecret = created.SecretSha256.Length == Sha256Bytes;
        if (hasSecret == created.PublicJwk.Length > 0 || (!hasSecret && created.SecretSha256.Length > 0))
            state.Find(AuditRule.Credential, "it states a secret's SHA-256 or a public key, and not both");
        if (created.CertificateSha256.Length > 0 && !IsSha256(created.CertificateSha256))
            state.Find(AuditRule.Credential, "it is bound to what is no certificate's SHA-256");
        Int128? end = AuditNumbers.OptionalNanosOf(created.ExpireTime);
        if (end <= state.Now) state.Find(AuditRule.Credential, "it expires before it begins");
        state.Credentials[state.Sequence] = new AuditCredential(created.Principal, end);
    }

    public static void Revoke(AuditState state, CredentialRevoked revoked)
    {
        End(state, revoked.Credential);
        TakeAlong(
            state,
            revoked.Sessions,
            session => !revoked.KeptSessions && session.Opened.Credentials.Contains(revoked.Credential),
            $"credentials/c{revoked.Credential}",
            AuditRule.Credential);
    }

    /// <summary>Sessions end with what opened them, or with their user.</summary>
    public static void RevokeSessions(AuditState state, SessionsRevoked revoked)
    {
        string user = revoked.OnBehalfOf;
        Int128? until = AuditNumbers.OptionalNanosOf(revoked.DelegationsUntil);
        if (revoked.Credential.Length + user.Length == 0 || (revoked.Sessions.Count == 0 && until is null))
            state.Find(AuditRule.Cascade, "it names no sessions");
        if (until is not null)
        {
            if (revoked.Credential.Length > 0 || until != state.Now + ClockSkew)
                state.Find(AuditRule.Cascade, "what a user alone gave ends 5 s after the event, and nothing else does");
            state.EndedUsers[user] = until.Value;
        }

        TakeAlong(
            state,
            revoked.Sessions,
            session => (user.Length == 0 || session.Spender.OnBehalfOf == user)
                && (revoked.Credential.Length == 0
                    || session.Opened.Credentials.Any(number => $"credentials/c{number}" == revoked.Credential)),
            revoked.Credential.Length > 0 ? revoked.Credential : $"users/{user}",
            AuditRule.Cascade);
    }

    /// <summary>A session begins with what is live, or with the token of the session above it.</summary>
    public static void CheckOrigin(AuditState state, Spender spender, SessionOpened opened, AuditSession? parent)
    {
        bool isParents = parent is not null && opened.Credentials.SequenceEqual(parent.Opened.Credentials)
            && opened.AccessTokens.SequenceEqual(parent.Opened.AccessTokens);
        foreach (long number in isParents ? [] : opened.Credentials)
        {
            if (!IsLive(state, number)) state.Find(AuditRule.Credential, $"credential c{number} is not live");
        }

        foreach (string token in isParents ? [] : opened.AccessTokens)
        {
            if (state.EndedTokens.Contains(token))
                state.Find(AuditRule.Credential, $"the access token {token} was ended");
        }

        if (AuditNumbers.OptionalNanosOf(opened.DelegationTime) is not { } given) return;
        if (opened.UserProof != UserProof.Proven)
            state.Find(AuditRule.SessionScope, "a user gave its token, and nobody knows the user");
        if (state.EndedUsers.TryGetValue(spender.OnBehalfOf, out Int128 until) && given <= until)
            state.Find(AuditRule.Credential, $"what '{spender.OnBehalfOf}' gave before was ended");
    }

    /// <summary>A user is known, or only named; where the catalog asks for it, known.</summary>
    public static void CheckUser(AuditState state, Spender spender, SessionOpened opened)
    {
        bool hasUser = spender.OnBehalfOf.Length > 0;
        if (!hasUser && opened.UserProof != UserProof.Unspecified)
            state.Find(AuditRule.SessionScope, "it knows a user, and works for nobody");
        if (hasUser && opened.UserProof != UserProof.Proven && state.Catalog.RequireProvenUsers)
            state.Find(AuditRule.SessionScope, $"nothing proves '{spender.OnBehalfOf}', as the catalog asks for");
    }

    public static void Suspend(AuditState state, AgentSuspended suspended)
    {
        CheckActive(state, suspended.Agent);
        if (!state.Suspended.Add(suspended.Agent))
            state.Find(AuditRule.AgentStanding, $"{suspended.Agent} is suspended already");
    }

    public static void Resume(AuditState state, AgentResumed resumed)
    {
        CheckActive(state, resumed.Agent.Split("/users/", 2)[0]);
        if (!state.Suspended.Remove(resumed.Agent))
            state.Find(AuditRule.AgentStanding, $"{resumed.Agent} is not suspended");
        state.SuspendedInHour.Remove(resumed.Agent);
        state.InMinute.Remove((resumed.Agent, Breaker.RefusalsOfAgent));
        state.InMinute.Remove((resumed.Agent, Breaker.BurnRateOfAgent));
    }

    public static void Decommission(AuditState state, AgentDecommissioned decommissioned)
    {
        string agent = decommissioned.Agent;
        CheckActive(state, agent);
        IEnumerable<long> live = state.Credentials
            .Where(pair => pair.Value.Principal == agent && !(pair.Value.EndNanos <= state.Now))
            .Select(pair => pair.Key);
        if (!live.Order().SequenceEqual(decommissioned.Credentials.Order()))
            state.Find(AuditRule.AgentStanding, $"its credentials are not those that {agent} has");
        state.Suspended.Remove(agent);
        state.Decommissioned.Add(agent);
        foreach (long credential in decommissioned.Credentials) End(state, credential);
        TakeAlong(
            state,
            decommissioned.Sessions,
            session => session.Spender.Agent == agent,
            agent,
            AuditRule.AgentStanding);
    }

    public static void RevokeToken(AuditState state, AccessTokenRevoked revoked)
    {
        if (revoked.TokenId.Length == 0 || AuditNumbers.OptionalNanosOf(revoked.ExpireTime) is not { } end
            || end <= state.Now)
        {
            state.Find(AuditRule.Credential, "it ends a token that has no id or has expired");
        }

        state.EndedTokens.Add(revoked.TokenId);
        TakeAlong(
            state,
            revoked.Sessions,
            session => session.Opened.AccessTokens.Contains(revoked.TokenId),
            $"accessTokens/{revoked.TokenId}",
            AuditRule.Credential);
    }

    public static void Use(AuditState state, CredentialsUsed used)
    {
        if (used.Uses.Count == 0) state.Find(AuditRule.CredentialUse, "it tells of no use");
        long before = 0;
        foreach (CredentialUse use in used.Uses)
        {
            string name = $"credential c{use.Credential}";
            if (use.Credential <= before) state.Find(AuditRule.CredentialUse, $"{name} is not in its order");
            before = use.Credential;
            if (!IsLive(state, use.Credential)) state.Find(AuditRule.CredentialUse, $"{name} is not live");
            Int128? last = AuditNumbers.OptionalNanosOf(use.LastUseTime);
            if (last is null ? use.Unproven == 0 && use.WrongSecrets == 0 : last > state.Now)
                state.Find(AuditRule.CredentialUse, $"{name} was used never, or in the future");
            bool areBounded = use.Places.Count <= PlacesMax && use.Unproven >= 0 && use.WrongSecrets >= 0
                && use.Places.Distinct(StringComparer.Ordinal).Count() == use.Places.Count;
            if (!areBounded)
                state.Find(AuditRule.CredentialUse, $"the places of {name} are too many, or one is there twice");
        }
    }

    /// <summary>What a session's token is bound to: its parent's bindings at the least.</summary>
    public static void CheckBinding(AuditState state, SessionOpened opened, AuditSession? parent)
    {
        Confirmation? own = opened.Confirmation;
        if (own is not null)
        {
            bool isRight = own.CertificateSha256.Length + own.KeyThumbprint.Length > 0
                && (own.CertificateSha256.Length == 0 || IsSha256(own.CertificateSha256))
                && (own.KeyThumbprint.Length == 0 || IsSha256(own.KeyThumbprint));
            if (!isRight) state.Find(AuditRule.SessionScope, "its token is bound to what is no SHA-256");
        }

        if (parent?.Opened.Confirmation is not { } above) return;
        bool isKept = own is not null
            && (above.CertificateSha256.Length == 0 || above.CertificateSha256 == own.CertificateSha256)
            && (above.KeyThumbprint.Length == 0 || above.KeyThumbprint == own.KeyThumbprint);
        if (!isKept) state.Find(AuditRule.Delegation, "its token drops what its parent's is bound to");
    }

    public static void Authorize(AuditState state, AuditSession session, ToolAuthorized authorized)
    {
        HoldAudit.CheckSession(state, session);
        string tool = authorized.Tool;
        if (!session.AllowsTool(tool))
            state.Find(AuditRule.HoldScope, $"tool '{tool}' is out of scope");
        if (session.ToolCalls >= session.Ceilings.ToolCalls)
            state.Find(AuditRule.GrantCeiling, $"{session.ToolCalls} tool calls were all that it may make");
        session.ToolCalls++;
        BreakerAudit.CountCallOf(session, tool, authorized.ToolArgumentsDigest);
    }

    /// <summary>A session acts or begins: its agent must be active.</summary>
    public static void CheckActive(AuditState state, string agent)
    {
        if (state.Decommissioned.Contains(agent)) state.Find(AuditRule.AgentStanding, $"{agent} is decommissioned");
    }

    /// <summary>The same, and it must not be suspended, nor for the user whom the session works for.</summary>
    public static void CheckActive(AuditState state, Spender spender)
    {
        CheckActive(state, spender.Agent);
        if (IsSuspended(state, spender))
            state.Find(AuditRule.AgentStanding, $"{spender.Agent} is suspended, or for '{spender.OnBehalfOf}'");
    }

    /// <summary>Whether an agent is suspended, or for the user whom a session of it works for.</summary>
    public static bool IsSuspended(AuditState state, Spender spender) => state.Suspended.Contains(spender.Agent)
        || state.Suspended.Contains(BreakerAudit.UserOf(spender.Agent, spender.OnBehalfOf));

    // What ends takes the open sessions along that came from it: all of them, and no other.
    private static void TakeAlong(
        AuditState state, IEnumerable<long> listed, Func<AuditSession, bool> isTaken, string name, AuditRule rule)
    {
        AuditSession[] open = [.. state.Sessions.Values.Where(session => session.IsOpen && isTaken(session))];
        IEnumerable<string> ending = listed.Select(number => $"sessions/s{number}");
        if (!open.Select(session => session.Spender.Session).ToHashSet(StringComparer.Ordinal).SetEquals(ending))
            state.Find(rule, $"the sessions that it ends are not those that {name} has open");
        foreach (AuditSession session in open) session.EndsWithName = name;
        state.EndsDue += open.Length;
        state.EndsDueSince = state.Now;
    }

    private static bool IsSha256(string text) =>
        text.Length == Sha256Chars && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_');

    private static bool IsLive(AuditState state, long credential) =>
        state.Credentials.TryGetValue(credential, out AuditCredential? found) && !(found.EndNanos <= state.Now);

    private static void End(AuditState state, long credential)
    {
        bool isLive = IsLive(state, credential);
        state.Credentials.Remove(credential);
        if (!isLive) state.Find(AuditRule.Credential, $"credential c{credential} is not live");
    }
}
