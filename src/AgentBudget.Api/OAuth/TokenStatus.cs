using System.Text.Json;
using AgentBudget.Api.Access;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.OAuth;

/// <summary>
/// /oauth2/introspect (RFC 7662) and /oauth2/revoke (RFC 7009), for access tokens and session tokens. A client is told
/// of tokens that it may speak for by the methods of sessions; every other one is not active, like one that is none.
/// </summary>
internal sealed class TokenStatus(
    OAuthClients clients, AccessTokens tokens, SessionTokens sessions, ApiContext context)
{
    private const string RevokeReason = "revoked at the OAuth endpoint";

    // What the methods of a session answer to a client, these do.
    private static readonly AccessRule Reads = AccessPolicy.Of("/agentbudget.v1.SessionService/GetSession");
    private static readonly AccessRule Revokes = AccessPolicy.Of("/agentbudget.v1.SessionService/RevokeSession");

    // Who is shown tokens of others, or answers for them.
    private const Roles TokenReaders = Roles.Admin | Roles.Auditor | Roles.Gateway | Roles.Orchestrator;

    internal async Task<Dictionary<string, object>> IntrospectAsync(HttpContext http, OAuthForm form)
    {
        LiveCredential client = await clients.AuthenticateAsync(http, form);
        string token = form.Require("token");
        if (tokens.TryRead(token, out AccessToken? access))
            return await FindHolderAsync(client, access, TokenReaders) is null ? Inactive() : Describe(access);

        if (sessions.TryRead(token, takesEnded: false, out SessionCaller? session)
            && await FindSessionAsync(client, session, Reads) is { State: Session.Types.State.Open })
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
        if (tokens.TryRead(token, out AccessToken? access))
        {
            if (await FindHolderAsync(client, access, Roles.Admin) is not { } holder)
                return;
            AccessTokenRevoked revoked = new()
            {
                TokenId = access.Id,
                Credential = holder.Number,
                // A token is taken for as long after its expiry as clocks may differ, and so is its revocation.
                ExpireTime = new Timestamp { Seconds = access.ExpiresAtSeconds + SessionTokens.ClockSkewSeconds },
            };
            await context.SubmitIdentityAsync(
                client.Tenant, new RevokeAccessTokenCommand($"revoke-{access.Id}", revoked, client.Caller.Principal));
        }
        else if (sessions.TryRead(token, takesEnded: true, out SessionCaller? session)
            && await FindSessionAsync(client, session, Revokes)
                is { State: Session.Types.State.Open or Session.Types.State.Suspended }
            && Names.TryParseSession(session.Session, out long number))
        {
            RevokeSessionRequest request = new() { RequestId = $"revoke-{session.Session}", Reason = RevokeReason };
            await context.SubmitAsync(
                session.Tenant, new RevokeSessionCommand(number, request, client.Caller.Principal));
        }
    }

    // Whose an access token is, if it lives and its client is that one itself, or of a role that may for others.
    private async ValueTask<LiveCredential?> FindHolderAsync(LiveCredential client, AccessToken access, Roles others)
    {
        await context.Credentials.FindByKeyIdAsync(access.ClientId); // Its tenant is in memory from here on.
        if (context.Credentials.Directory.FindHolder(access, out LiveCredential? holder) != CredentialLookup.Live
            || holder!.Tenant != client.Tenant)
        {
            return null;
        }

        bool isOwn = holder.Holder == client.Holder && holder.Role == client.Role;
        return isOwn || (others & client.Caller.Role) != Roles.None ? holder : null;
    }

    // The session that a token is of, if its client may do so much with it.
    private async ValueTask<Session?> FindSessionAsync(LiveCredential client, SessionCaller shown, AccessRule rule)
    {
        if (shown.Tenant != client.Tenant || (rule.Roles & client.Caller.Role) == Roles.None
            || !Names.TryParseSession(shown.Session, out long number))
        {
            return null;
        }

        Answer answer = await context.Host.SubmitAsync(shown.Tenant, new SessionQuery(number));
        return answer.View is GetSessionResponse { Session: { } session }
            && client.Caller.MaySpeakFor(session.PathOf())
            ? session
            : null;
    }

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
}
