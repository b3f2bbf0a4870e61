using System.Text.Json;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.OAuth;

/// <summary>
/// /oauth2/introspect (RFC 7662) and /oauth2/revoke (RFC 7009), for access tokens and session tokens. A client is told
/// of tokens of its own tenant; every other one is not active, like one that is none.
/// </summary>
internal sealed class TokenStatus(
    OAuthClients clients, AccessTokens tokens, SessionTokens sessions, ApiContext context)
{
    private const string RevokeReason = "revoked at the OAuth endpoint";

    internal async Task<Dictionary<string, object>> IntrospectAsync(HttpContext http, OAuthForm form)
    {
        LiveCredential client = await clients.AuthenticateAsync(http, form);
        string token = form.Require("token");
        if (tokens.TryRead(token, out AccessToken? access))
        {
            await context.Credentials.FindByKeyIdAsync(access.ClientId); // Its tenant is in memory from here on.
            bool isActive = context.Credentials.Directory.FindHolder(access, out LiveCredential? holder)
                == CredentialLookup.Live && holder!.Tenant == client.Tenant;
            return isActive ? Describe(access) : Inactive();
        }

        if (sessions.TryRead(token, takesEnded: false, out SessionCaller? session) && session.Tenant == client.Tenant
            && await StateOfAsync(session) == Session.Types.State.Open)
        {
            return Describe(session);
        }

        return Inactive();
    }

    // Whatever the token is, the answer is the same (RFC 7009 §2.2).
    internal async Task RevokeAsync(HttpContext http, OAuthForm form)
    {
        LiveCredential client = await clients.AuthenticateAsync(http, form);
        string token = form.Require("token");
        if (tokens.TryRead(token, out AccessToken? access) && access.ClientId == client.KeyId)
        {
            AccessTokenRevoked revoked = new()
            {
                TokenId = access.Id,
                Credential = client.Number,
                // A token is taken for as long after its expiry as clocks may differ, and so is its revocation.
                ExpireTime = new Timestamp { Seconds = access.ExpiresAtSeconds + SessionTokens.ClockSkewSeconds },
            };
            await context.SubmitIdentityAsync(
                client.Tenant, new RevokeAccessTokenCommand($"revoke-{access.Id}", revoked, client.Caller.Principal));
        }
        else if (sessions.TryRead(token, takesEnded: true, out SessionCaller? session)
            && session.Tenant == client.Tenant && MayRevoke(client, session)
            && Names.TryParseSession(session.Session, out long number)
            && await StateOfAsync(session) is Session.Types.State.Open or Session.Types.State.Suspended)
        {
            RevokeSessionRequest request = new() { RequestId = $"revoke-{session.Session}", Reason = RevokeReason };
            await context.SubmitAsync(
                session.Tenant, new RevokeSessionCommand(number, request, client.Caller.Principal));
        }
    }

    private static bool MayRevoke(LiveCredential client, SessionCaller session) => client.Role switch
    {
        Role.Agent => session.Agent == client.Holder,
        Role.Orchestrator or Role.Admin => true,
        _ => false,
    };

    private static Dictionary<string, object> Inactive() => new() { ["active"] = false };

    private static Dictionary<string, object> Describe(AccessToken access)
    {
        Dictionary<string, object> answer = new()
        {
            ["active"] = true,
            ["token_type"] = access.KeyThumbprint.Length > 0 ? "DPoP" : "Bearer",
            ["client_id"] = access.ClientId,
            ["sub"] = access.Subject,
            ["iat"] = access.IssuedAtSeconds,
            ["exp"] = access.ExpiresAtSeconds,
            ["jti"] = access.Id,
        };
        if (access.Actor.Length > 0)
            answer["act"] = JsonSerializer.Deserialize<JsonElement>(access.Actor);
        if (access.Binding is { } binding)
            answer["cnf"] = binding.ToConfirmation();
        return answer;
    }

    private static Dictionary<string, object> Describe(SessionCaller session)
    {
        Dictionary<string, object> answer = Claims(session);
        if (session.Binding is { } binding)
            answer["cnf"] = binding.ToConfirmation();
        return answer;
    }

    private static Dictionary<string, object> Claims(SessionCaller session) => new()
    {
        ["active"] = true,
        ["token_type"] = session.Binding?.KeyThumbprint.Length > 0 ? "DPoP" : "Bearer",
        ["sub"] = session.OnBehalfOf.Length > 0 ? session.OnBehalfOf : session.Agent,
        ["scope"] = session.Scope,
        ["exp"] = session.ExpiresAtSeconds,
        ["session"] = session.Session,
        ["agent"] = session.Agent,
        ["use_case"] = session.UseCase,
    };

    private async ValueTask<Session.Types.State> StateOfAsync(SessionCaller session)
    {
        if (!Names.TryParseSession(session.Session, out long number))
            return Session.Types.State.Unspecified;
        Answer answer = await context.Host.SubmitAsync(session.Tenant, new SessionQuery(number));
        return answer.View is GetSessionResponse found ? found.Session.State : Session.Types.State.Unspecified;
    }
}
