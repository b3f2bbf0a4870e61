using AgentBudget.Api.Edge;
using AgentBudget.Api.Errors;
using Grpc.Core;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.Access;

/// <summary>
/// Authenticates the caller of an endpoint that has a rule, from the headers alone, and answers what is refused. Made
/// anew for each request.
/// </summary>
internal sealed class CallerAuthentication(AccessGuard guard) : IAuthenticationHandler
{
    internal const string Scheme = "AgentBudget";

    private static readonly Task<AuthenticateResult> Nobody = Task.FromResult(AuthenticateResult.NoResult());

    private HttpContext? _http;
    private RpcException? _refusal;

    public Task InitializeAsync(AuthenticationScheme scheme, HttpContext context)
    {
        _http = context;
        return Task.CompletedTask;
    }

    public Task<AuthenticateResult> AuthenticateAsync() =>
        _http!.GetEndpoint()?.Metadata.GetMetadata<AccessRule>() is { IsOpen: false } rule
            ? AuthenticateAsync(rule)
            : Nobody;

    /// <summary>Nobody is known who calls, or it cannot be said now.</summary>
    public Task ChallengeAsync(AuthenticationProperties? properties) =>
        CallEnd.RefuseAsync(_http!, (_refusal ?? ApiErrors.CredentialInvalid()).GetRpcStatus()!);

    /// <summary>Who calls is known, and may not.</summary>
    public Task ForbidAsync(AuthenticationProperties? properties) =>
        CallEnd.RefuseAsync(_http!, ApiErrors.RoleForbidden().GetRpcStatus()!);

    private async Task<AuthenticateResult> AuthenticateAsync(AccessRule rule)
    {
        try
        {
            CallerPrincipal principal = await guard.AuthenticateAsync(_http!, rule);
            return AuthenticateResult.Success(new AuthenticationTicket(principal, Scheme));
        }
        catch (RpcException refusal)
        {
            _refusal = refusal;
            return AuthenticateResult.Fail(refusal);
        }
    }
}
