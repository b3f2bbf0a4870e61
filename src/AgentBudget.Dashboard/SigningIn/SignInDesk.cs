using AgentBudget.Client;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Dashboard.SigningIn;

/// <summary>Lets in whoever shows a credential that the API takes.</summary>
internal sealed class SignInDesk(SessionStore sessions)
{
    private static readonly TimeSpan CheckMax = TimeSpan.FromSeconds(10);

    /// <summary>The token for the cookie, or a sentence that says what to do.</summary>
    internal async Task<(string? Token, string Fault)> TryAsync(
        string credential, string? tenant, CancellationToken cancellation)
    {
        credential = credential.Trim();
        tenant = string.IsNullOrWhiteSpace(tenant) ? null : tenant.Trim();
        if (ViewerRights.RoleOf(credential) is not { } role)
        {
            return (null, "This is no credential that has a page. Sign in with one of an administrator, auditor, "
                + "owner, finance, orchestrator or agent; gateways and metrics have none.");
        }

        try
        {
            await CheckAsync(credential, tenant, role, cancellation);
            return (sessions.Add(credential, tenant), "");
        }
        catch (AgentBudgetException refusal)
        {
            return (null, SentenceOf(refusal));
        }
        catch (Microsoft.Extensions.Options.OptionsValidationException)
        {
            return (null, "A credential and a tenant are visible characters without spaces. Copy them again.");
        }
    }

    // Any call tells whether a credential is taken. A role that may not list sessions was known before it was refused.
    private async Task CheckAsync(
        string credential, string? tenant, ViewerRole role, CancellationToken cancellation)
    {
        await using AgentBudgetClient client = sessions.ClientOf(credential, tenant);
        try
        {
            await client.CallAsync(
                client.Sessions.ListSessionsAsync, new ListSessionsRequest { PageSize = 1 }, cancellation, CheckMax);
        }
        catch (AgentBudgetException refusal) when (refusal.StatusCode == StatusCode.PermissionDenied)
        {
        }
        catch (AgentBudgetException refusal) when (
            refusal.StatusCode == StatusCode.NotFound && role == ViewerRole.Admin && tenant is null)
        {
            // A silo without a catalog: its pages say how to apply one.
        }
    }

    private static string SentenceOf(AgentBudgetException refusal) => refusal.StatusCode switch
    {
        StatusCode.Unauthenticated => "This credential is not accepted: it was revoked or has expired, it is bound to "
            + "a certificate, or a part of it is missing. Copy it again, or ask an administrator for another.",
        StatusCode.NotFound => "There is no such tenant here. Check its name.",
        StatusCode.InvalidArgument => "There are several tenants here: name the one to look at.",
        StatusCode.Unavailable or StatusCode.DeadlineExceeded =>
            "The silo does not answer now. Try again in a moment.",
        _ => Reading.PageFault.Of(refusal).Advice,
    };
}
