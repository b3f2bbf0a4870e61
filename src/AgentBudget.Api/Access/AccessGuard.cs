using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Access;

/// <summary>Everything that tells who calls.</summary>
/// <param name="AdminKey">The operator's key.</param>
/// <param name="MetricsKey">The key that reads metrics.</param>
/// <param name="Sessions">Session tokens.</param>
/// <param name="AccessTokens">Access tokens.</param>
/// <param name="Proofs">Proofs of the keys that access tokens are bound to.</param>
/// <param name="Credentials">Credentials of the tenants.</param>
/// <param name="Attempts">Failed attempts, which wait.</param>
public sealed record Authenticators(
    FileKey AdminKey,
    FileKey MetricsKey,
    SessionTokens Sessions,
    AccessTokens AccessTokens,
    DpopProofs Proofs,
    CredentialFeed Credentials,
    FailedAttempts Attempts);

/// <summary>Tells who calls from the headers alone, before the message is read.</summary>
/// <param name="by">What tells who calls.</param>
/// <param name="tenants">Where the sessions are.</param>
public sealed class AccessGuard(Authenticators by, ITenantHost tenants)
{
    private const string BearerScheme = "Bearer ";
    private const string ProofScheme = "DPoP ";

    /// <summary>Where a request carries a proof of its caller's key.</summary>
    internal const string ProofHeader = "dpop";

    /// <summary>Every credential begins so, whatever its role.</summary>
    private const string CredentialStart = "ab";

    /// <summary>Every JSON Web Token begins so: it is the base64url of <c>{"</c>.</summary>
    private const string JsonWebTokenStart = "eyJ";

    private static readonly CallOrigin InReview = new(CertificateSha256: null, Place: "", IsReview: true);

    // What a request shows of its caller.
    private readonly record struct Presented(
        string? Authorization,
        CallOrigin Origin,
        bool TakesEnded,
        object? Known = null,
        string ProvenKey = "");

    /// <summary>
    /// Who makes a request, with the key that it proves. Throws what it is refused with. Completes at once unless its
    /// tenant's credentials are to be read first, or its proof's use is to be told to the cluster.
    /// </summary>
    internal ValueTask<CallerPrincipal> AuthenticateAsync(HttpContext http, AccessRule rule)
    {
        StringValues values = http.Request.Headers.Authorization;
        string? authorization = values.Count == 0 ? null : values.ToString();
        return authorization is not null && http.Request.Headers.ContainsKey(ProofHeader)
            ? AuthenticateProvenAsync(http, rule, authorization)
            : AuthenticateAsync(http, rule, authorization);
    }

    private ValueTask<CallerPrincipal> AuthenticateAsync(HttpContext http, AccessRule rule, string? authorization)
    {
        ConnectionMemory? memory = http.Features.Get<ConnectionMemory>();
        CallerPrincipal? known = memory?.Find(authorization);
        Presented presented = new(
            authorization, ConnectionMemory.OriginOf(http.Features), rule.TakesEnded, known?.Caller);
        Caller? caller = TryAuthenticate(presented, out string? tenant);
        if (tenant is not null)
            return AuthenticateSlowlyAsync(presented, tenant, http.RequestAborted);
        if (caller is null)
            return RefuseAsync(presented, http.RequestAborted);
        if (known is not null && ReferenceEquals(caller, known.Caller))
            return new(known);
        CallerPrincipal principal = new(caller);
        memory?.Remember(authorization!, principal);
        return new(principal);
    }

    /// <summary>
    /// Asks again about the caller of a stream that goes on, so that a stream ends soon after its caller's credential
    /// or session. Null when it may go on; otherwise the error that ends it.
    /// </summary>
    internal async ValueTask<RpcException?> ReviewAsync(AccessRule rule, string? authorization)
    {
        try
        {
            Presented presented = new(authorization, InReview, rule.TakesEnded);
            Caller? caller = TryAuthenticate(presented, out string? tenant);
            if (tenant is not null)
                caller = (await AuthenticateSlowlyAsync(presented, tenant, CancellationToken.None)).Caller;
            if (caller is null)
                return ApiErrors.CredentialInvalid();
            bool isOver = caller is SessionCaller session && await IsOverAsync(session);
            return isOver ? ApiErrors.SessionTokenInvalid() : null;
        }
        catch (RpcException refusal) when (refusal.StatusCode == StatusCode.Unauthenticated)
        {
            return refusal;
        }
        catch (RpcException)
        {
            return null; // Its tenant cannot say now. The next review asks again.
        }
    }

    /// <summary>What a proof of a request has to be made for.</summary>
    internal static ProofTarget TargetOf(HttpContext http) => new(
        http.Request.Method, http.Request.Path.Value!, http.Connection.LocalIpAddress, http.Connection.LocalPort);

    // A proof is of its principal's share, so the principal comes first. Beside a bearer's authorization it is for the
    // session that the message names; by the authorization itself it is what that is bound to.
    private async ValueTask<CallerPrincipal> AuthenticateProvenAsync(
        HttpContext http, AccessRule rule, string authorization)
    {
        string shown = authorization[(authorization.IndexOf(' ', StringComparison.Ordinal) + 1)..].Trim(' ');
        if (!authorization.StartsWith(ProofScheme, StringComparison.OrdinalIgnoreCase))
        {
            CallerPrincipal bearer = await AuthenticateAsync(http, rule, authorization);
            string beside = await ProveAsync(http, shown, ProofOwner.Of(bearer.Caller));
            return beside.Length > 0 ? new(bearer.Caller with { ProvenKey = beside }) : bearer;
        }

        Presented presented = new(authorization, ConnectionMemory.OriginOf(http.Features), rule.TakesEnded);
        if (await OwnerOfAsync(shown, rule.TakesEnded) is { } owner)
            presented = presented with { ProvenKey = await ProveAsync(http, shown, owner) };
        return TryAuthenticate(presented, out _) is { } caller
            ? new(caller)
            : await RefuseAsync(presented, http.RequestAborted);
    }

    // The principal of a token that a proof comes for; null where there is none.
    private async ValueTask<ProofOwner?> OwnerOfAsync(string token, bool takesEnded)
    {
        if (by.Sessions.TryRead(token, takesEnded, out SessionCaller? session))
            return ProofOwner.Of(session);
        if (!by.AccessTokens.TryRead(token, out AccessToken? access))
            return null;
        CredentialLookup found = by.Credentials.Directory.FindHolder(access, out LiveCredential? live);
        if (found == CredentialLookup.TenantNotLoaded
            && CredentialDirectory.TenantOfKeyId(access.ClientId) is { } tenant)
        {
            await LoadAsync(tenant);
            by.Credentials.Directory.FindHolder(access, out live);
        }

        return live is null ? null : ProofOwner.Of(live);
    }

    // The thumbprint of the key that a request's proof proves; empty for a proof that is none. Throws for an owner who
    // has used up its share of those that are remembered, and where nobody can say whether it was used before.
    private async ValueTask<string> ProveAsync(HttpContext http, string shown, ProofOwner owner)
    {
        ProvenKey proven = await by.Proofs.CheckAsync(
            http.Request.Headers[ProofHeader].ToString(), TargetOf(http), shown, owner);
        return proven.Outcome switch
        {
            ProofOutcome.Taken or ProofOutcome.Refused => proven.Thumbprint,
            ProofOutcome.Exhausted => throw ApiErrors.ProofsExhausted(),
            ProofOutcome.Unknown => throw ApiErrors.ProofUnknown(),
        };
    }

    // The first call of a tenant since the start: its credentials are fetched, and everything is looked at again.
    private async ValueTask<CallerPrincipal> AuthenticateSlowlyAsync(
        Presented presented, string tenant, CancellationToken cancellation)
    {
        await LoadAsync(tenant);
        return TryAuthenticate(presented, out _) is { } caller
            ? new(caller)
            : await RefuseAsync(presented, cancellation);
    }

    // Whoever tries one secret after the other for a key id waits for each answer.
    private async ValueTask<CallerPrincipal> RefuseAsync(Presented presented, CancellationToken cancellation)
    {
        string shown = presented.Authorization ?? "";
        if (shown.StartsWith(BearerScheme, StringComparison.OrdinalIgnoreCase))
        {
            await by.Attempts.SlowAsync(shown.AsSpan(BearerScheme.Length).Trim(' '), cancellation)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        throw ApiErrors.CredentialInvalid();
    }

    private async ValueTask LoadAsync(string tenant)
    {
        if (!FieldRules.IsId(tenant))
            throw ApiErrors.CredentialInvalid();
        try
        {
            await by.Credentials.LoadAsync(tenant);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }

    /// <summary>
    /// Whether a session has ended. A token is good until its expiry; a stream ends with what it speaks for.
    /// </summary>
    private async ValueTask<bool> IsOverAsync(SessionCaller session)
    {
        if (!Names.TryParseSession(session.Session, out long number))
            return true;
        try
        {
            Answer answer = await tenants.SubmitAsync(session.Tenant, new SessionQuery(number));
            return answer.Outcome != Outcome.Done
                || ((GetSessionResponse)answer.View!).Session.State
                    is Session.Types.State.Ended or Session.Types.State.Expired or Session.Types.State.Revoked;
        }
        catch (TenantException)
        {
            return false; // It cannot say now, and then it takes no spend either. The next review asks again.
        }
    }

    // Who calls, or null; and the tenant to load before that can be said.
    private Caller? TryAuthenticate(in Presented presented, out string? tenant)
    {
        tenant = null;
        string authorization = presented.Authorization ?? throw ApiErrors.CredentialInvalid();
        if (authorization.StartsWith(ProofScheme, StringComparison.OrdinalIgnoreCase))
        {
            ReadOnlySpan<char> bound = authorization.AsSpan(ProofScheme.Length).Trim(' ');
            return by.Sessions.TryRead(bound, presented.TakesEnded, out SessionCaller? sender)
                ? TrySender(sender, presented, isProven: true)
                : TryAccessToken(bound, presented, isProven: true, out tenant);
        }

        if (!authorization.StartsWith(BearerScheme, StringComparison.OrdinalIgnoreCase))
            throw ApiErrors.CredentialInvalid();
        ReadOnlySpan<char> credential = authorization.AsSpan(BearerScheme.Length).Trim(' ');
        if (credential.StartsWith(CredentialStart, StringComparison.Ordinal))
            return TrySecret(credential, presented, out tenant);
        if (by.Sessions.TryRead(credential, presented.TakesEnded, out SessionCaller? session))
        {
            return session.Binding is null
                ? session
                : TrySender(session, presented, isProven: false) ?? throw ApiErrors.SessionTokenInvalid();
        }

        if (!credential.StartsWith(JsonWebTokenStart, StringComparison.Ordinal))
            return null;
        return TryAccessToken(credential, presented, isProven: false, out tenant)
            ?? (tenant is null ? throw ApiErrors.SessionTokenInvalid() : null);
    }

    // A session whose token is bound, if the request proves what it is bound to; a proof for a token that is not bound
    // to a key proves nothing.
    private static SessionCaller? TrySender(SessionCaller session, in Presented presented, bool isProven)
    {
        string key = session.Binding?.KeyThumbprint ?? "";
        if (isProven != key.Length > 0)
            return null;
        if (presented.Origin.IsReview)
            return session;
        string certificate = session.Binding?.CertificateSha256 ?? "";
        if (!TokenBinding.IsShown(certificate, presented.Origin.CertificateSha256))
            return null;
        if (!isProven)
            return session;
        return presented.ProvenKey == key ? session with { ProvenKey = key } : null;
    }

    private Caller? TrySecret(ReadOnlySpan<char> credential, in Presented presented, out string? tenant)
    {
        tenant = null;
        object? known = presented.Known;
        CredentialLookup found =
            by.Credentials.Directory.Find(credential, known, presented.Origin, out CredentialCaller? holder);
        if (found == CredentialLookup.TenantNotLoaded)
            CredentialDirectory.TryGetTenant(credential, out tenant);
        if (found != CredentialLookup.Refused)
            return holder;
        bool isOperators = credential.StartsWith(FileKey.AdminPrefix, StringComparison.Ordinal)
            && (ReferenceEquals(known, AdminCaller.Instance) || by.AdminKey.Matches(credential));
        if (isOperators)
            return AdminCaller.Instance;
        bool isMetrics = credential.StartsWith(FileKey.MetricsPrefix, StringComparison.Ordinal)
            && by.MetricsKey.Matches(credential);
        return isMetrics ? MetricsCaller.Instance : null;
    }

    private CredentialCaller? TryAccessToken(
        ReadOnlySpan<char> credential, in Presented presented, bool isProven, out string? tenant)
    {
        tenant = null;
        // A bound token without its proof is a stolen one, and a proof for an unbound one proves nothing.
        if (!by.AccessTokens.TryRead(credential, out AccessToken? token) || isProven != token.KeyThumbprint.Length > 0)
            return null;
        CredentialLookup found = by.Credentials.Directory.FindHolder(token, out LiveCredential? live);
        if (found == CredentialLookup.TenantNotLoaded)
            tenant = CredentialDirectory.TenantOfKeyId(token.ClientId);
        if (live is null)
            return null;
        string certificate = token.Binding?.CertificateSha256 ?? "";
        bool isShown = presented.Origin.IsReview
            || TokenBinding.IsShown(certificate, presented.Origin.CertificateSha256);
        bool isProvenNow = !isProven || presented.Origin.IsReview || presented.ProvenKey == token.KeyThumbprint;
        if (!isProvenNow || !by.Credentials.Directory.TryUse(live, presented.Origin) || !isShown)
            return null;
        bool isExchanged = token.Actor.Length > 0;
        return live.Caller with
        {
            OnBehalfOf = isExchanged ? token.Subject : "",
            Token = token,
            ProvenKey = token.KeyThumbprint,
        };
    }
}
