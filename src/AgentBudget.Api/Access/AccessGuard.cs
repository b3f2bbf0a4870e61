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
/// <param name="tenants">Where the sessions are.</param>
public sealed class AccessGuard(AdminKey adminKey, SessionTokens tokens, ITenantHost tenants) : IRpcGuard
{
    private const string Scheme = "Bearer ";

    /// <summary>Every JSON Web Token begins so: it is the base64url of <c>{"</c>.</summary>
    private const string JsonWebTokenStart = "eyJ";

    /// <inheritdoc/>
    public void Authorize(RpcMethod method, RpcCall call)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(call);
        AccessRule rule = AccessPolicy.Find(method.Path) ?? throw ApiErrors.RoleForbidden();
        if (rule.IsOpen)
            return;
        Caller caller = Authenticate(call.Authorization, rule.TakesEnded);
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
            Caller caller = Authenticate(authorization, rule.TakesEnded);
            bool isOver = caller is SessionCaller session && await IsOverAsync(session);
            return isOver ? ApiErrors.SessionTokenInvalid() : null;
        }
        catch (RpcException refusal)
        {
            return refusal;
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

    private Caller Authenticate(string? authorization, bool takesEnded)
    {
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
            throw ApiErrors.CredentialInvalid();
        ReadOnlySpan<char> credential = authorization.AsSpan(Scheme.Length).Trim(' ');
        if (credential.StartsWith(AdminKey.Prefix, StringComparison.Ordinal))
            return adminKey.Matches(credential) ? AdminCaller.Instance : throw ApiErrors.CredentialInvalid();
        if (tokens.TryRead(credential, takesEnded, out SessionCaller? session))
            return session;
        throw credential.StartsWith(JsonWebTokenStart, StringComparison.Ordinal)
            ? ApiErrors.SessionTokenInvalid()
            : ApiErrors.CredentialInvalid();
    }
}
