using AgentBudget.Api.Errors;
using AgentBudget.Grains;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using AgentBudget.Runtime;
using Outcome = AgentBudget.Grains.Outcome;

namespace AgentBudget.Api.Access;

/// <summary>Authenticates a call by its headers and holds it to the policy, before its message is read.</summary>
/// <param name="adminKey">The operator's key.</param>
/// <param name="tokens">Session tokens.</param>
/// <param name="credentials">Credentials of the tenants.</param>
/// <param name="tenants">Where the sessions are.</param>
public sealed class AccessGuard(
    AdminKey adminKey, SessionTokens tokens, CredentialFeed credentials, ITenantHost tenants) : IRpcGuard
{
    private const string Scheme = "Bearer ";

    /// <summary>Every credential begins so, whatever its role.</summary>
    private const string CredentialStart = "ab";

    /// <summary>Every JSON Web Token begins so: it is the base64url of <c>{"</c>.</summary>
    private const string JsonWebTokenStart = "eyJ";

    /// <inheritdoc/>
    public Task AuthorizeAsync(RpcMethod method, RpcCall call)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(call);
        AccessRule rule = AccessPolicy.Find(method.Path) ?? throw ApiErrors.RoleForbidden();
        if (rule.IsOpen)
            return Task.CompletedTask;
        string? authorization = call.Authorization;
        if (TryAuthenticate(authorization, rule.TakesEnded, out Caller? caller) == CredentialLookup.TenantNotLoaded)
            return AuthorizeSlowlyAsync(rule, authorization!, call);
        Admit(rule, caller, call);
        return Task.CompletedTask;
    }

    /// <summary>Authenticates a request of an ordinary route; throws what a call would be refused with.</summary>
    internal async ValueTask<Caller> AuthenticateAsync(string? authorization, bool takesEnded)
    {
        CredentialLookup found = TryAuthenticate(authorization, takesEnded, out Caller? caller);
        if (found == CredentialLookup.TenantNotLoaded)
        {
            await LoadAsync(authorization!);
            TryAuthenticate(authorization, takesEnded, out caller);
        }

        return caller ?? throw ApiErrors.CredentialInvalid();
    }

    // The first call of a tenant since the start: its credentials are fetched, and everything is looked at again.
    private async Task AuthorizeSlowlyAsync(AccessRule rule, string authorization, RpcCall call) =>
        Admit(rule, await AuthenticateAsync(authorization, rule.TakesEnded), call);

    private static void Admit(AccessRule rule, Caller? caller, RpcCall call)
    {
        if (caller is null)
            throw ApiErrors.CredentialInvalid();
        if ((rule.Roles & caller.Role) == Roles.None)
            throw ApiErrors.RoleForbidden();
        call.User = caller;
    }

    /// <inheritdoc/>
    public async ValueTask<RpcException?> ReviewAsync(RpcMethod method, string? authorization, object? user)
    {
        ArgumentNullException.ThrowIfNull(method);
        AccessRule rule = AccessPolicy.Of(method.Path);
        if (rule.IsOpen)
            return null;
        try
        {
            Caller caller = await AuthenticateAsync(authorization, rule.TakesEnded);
            bool isOver = caller is SessionCaller session && await IsOverAsync(session);
            return isOver ? ApiErrors.SessionTokenInvalid() : null;
        }
        catch (RpcException refusal) when (refusal.StatusCode == RpcStatusCode.Unauthenticated)
        {
            return refusal;
        }
        catch (RpcException)
        {
            return null; // Its tenant cannot say now. The next review asks again.
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

    private async ValueTask LoadAsync(string authorization)
    {
        bool isNamed = CredentialDirectory.TryGetTenant(CredentialOf(authorization), out string? tenant);
        if (!isNamed || !FieldRules.IsId(tenant))
            throw ApiErrors.CredentialInvalid();
        try
        {
            await credentials.LoadAsync(tenant!);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }

    private CredentialLookup TryAuthenticate(string? authorization, bool takesEnded, out Caller? caller)
    {
        caller = null;
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            throw ApiErrors.CredentialInvalid();
        ReadOnlySpan<char> credential = CredentialOf(authorization);
        if (credential.StartsWith(CredentialStart, StringComparison.Ordinal))
        {
            CredentialLookup found = credentials.Directory.Find(credential, out CredentialCaller? holder);
            caller = holder;
            if (found == CredentialLookup.Refused && credential.StartsWith(AdminKey.Prefix, StringComparison.Ordinal)
                && adminKey.Matches(credential))
            {
                caller = AdminCaller.Instance;
            }

            return found;
        }

        if (tokens.TryRead(credential, takesEnded, out SessionCaller? session))
            caller = session;
        else if (credential.StartsWith(JsonWebTokenStart, StringComparison.Ordinal))
            throw ApiErrors.SessionTokenInvalid();
        return CredentialLookup.Refused;
    }

    private static ReadOnlySpan<char> CredentialOf(string authorization) =>
        authorization.AsSpan(Scheme.Length).Trim(' ');
}
