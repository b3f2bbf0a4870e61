using AgentBudget.Api.Errors;
using AgentBudget.Identity;
using AgentBudget.Rpc;

namespace AgentBudget.Api.Access;

/// <summary>Authenticates a call by its headers and holds it to the policy, before its message is read.</summary>
/// <param name="adminKey">The operator's key.</param>
/// <param name="tokens">Session tokens.</param>
public sealed class AccessGuard(AdminKey adminKey, SessionTokens tokens) : IRpcGuard
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
