using System.Text.Json;
using AgentBudget.Api.Access;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.OAuth;

/// <summary>
/// /oauth2/token: an access token for a credential (client_credentials), or for the user that a subject token names,
/// with the agent as its actor (token exchange, RFC 8693).
/// </summary>
internal sealed class TokenEndpoint(
    OAuthClients clients,
    AccessTokens tokens,
    CredentialDirectory directory,
    TrustedIssuers issuers,
    DpopProofs proofs,
    ApiContext context,
    TimeProvider time)
{
    internal const string ExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
    internal const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";

    private const string ClientCredentialsGrant = "client_credentials";
    private const string IdTokenType = "urn:ietf:params:oauth:token-type:id_token";
    private const string JwtType = "urn:ietf:params:oauth:token-type:jwt";

    /// <summary>A chain of actors that nobody reads to its end.</summary>
    private const int ActorCharsMax = 2048;

    /// <summary>Tokens that one was exchanged from: each is looked up with every call.</summary>
    private const int SourcesMax = 8;

    /// <summary>The name of a service.</summary>
    private const int ResourceCharsMax = 1024;

    internal async Task<Dictionary<string, object>> AnswerAsync(HttpContext context, OAuthForm form)
    {
        LiveCredential client = await clients.AuthenticateAsync(context, form);
        string grant = form.Require("grant_type");
        if (form["scope"].Length > 0)
            throw new OAuthError("invalid_scope", "Scope is given to sessions, not to tokens: see OpenSession.");
        if (form["audience"].Length > 0)
            throw new OAuthError("invalid_target", "Tokens are for this service; a resource is named by its URL.");
        string? resource = ResourceOf(form);
        string thumbprint = await ThumbprintOfAsync(context, client);
        long nowSeconds = time.GetUtcNow().ToUnixTimeSeconds();
        AccessToken token = new()
        {
            ClientId = client.KeyId,
            Subject = client.Holder,
            Id = AccessTokens.NewId(),
            IssuedAtSeconds = nowSeconds,
            ExpiresAtSeconds = nowSeconds + AccessTokens.LifetimeSeconds,
            Binding = TokenBinding.Of(client.CertificateSha256, thumbprint),
        };
        token = grant switch
        {
            ClientCredentialsGrant => token,
            ExchangeGrant => await ExchangeAsync(client, form, token),
            _ => throw new OAuthError("unsupported_grant_type", $"Use {ClientCredentialsGrant} or {ExchangeGrant}."),
        };
        Dictionary<string, object> answer = new()
        {
            ["access_token"] = tokens.Mint(token, client, resource),
            ["token_type"] = thumbprint.Length > 0 ? "DPoP" : "Bearer",
            ["expires_in"] = token.ExpiresAtSeconds - nowSeconds,
        };
        if (grant == ExchangeGrant)
            answer["issued_token_type"] = AccessTokenType;
        return answer;
    }

    private static string? ResourceOf(OAuthForm form)
    {
        string resource = form["resource"];
        if (resource.Length == 0)
            return null;
        // A path of files reads as an absolute URI where paths begin with a slash.
        bool isTaken = Uri.TryCreate(resource, UriKind.Absolute, out Uri? uri)
            && uri.Scheme is "https" or "http" && uri.Host.Length > 0 && uri.UserInfo.Length == 0
            && resource.StartsWith(uri.Scheme + "://", StringComparison.OrdinalIgnoreCase)
            && !resource.Contains('#', StringComparison.Ordinal) && FieldRules.IsWord(resource, ResourceCharsMax);
        return isTaken
            ? resource
            : throw new OAuthError("invalid_target", "The resource must be the absolute URL of a service.");
    }

    private async ValueTask<string> ThumbprintOfAsync(HttpContext context, LiveCredential client)
    {
        string? proof = context.Request.Headers[AccessGuard.ProofHeader];
        if (proof is null)
            return "";
        ProvenKey proven = await proofs.CheckAsync(
            proof, AccessGuard.TargetOf(context), accessToken: null, ProofOwner.Of(client));
        return proven.Outcome switch
        {
            ProofOutcome.Taken => proven.Thumbprint,
            ProofOutcome.Exhausted => throw OAuthError.TooMany(),
            ProofOutcome.Unknown => throw OAuthError.NotNow(),
            ProofOutcome.Refused =>
                throw new OAuthError("invalid_dpop_proof", "The proof is not for this request, or not new."),
        };
    }

    // A token that is not taken makes the request invalid, not the grant (RFC 8693 §2.2.2).
    private async ValueTask<AccessToken> ExchangeAsync(LiveCredential client, OAuthForm form, AccessToken token)
    {
        if (client.Role != Role.Agent)
            throw new OAuthError("unauthorized_client", "Only an agent acts for a user.");
        if (form["actor_token"].Length > 0)
            throw OAuthError.InvalidRequest("The actor is the client itself: send no actor_token.");
        string requested = form["requested_token_type"];
        if (requested.Length > 0 && requested != AccessTokenType)
            throw OAuthError.InvalidRequest($"Only {AccessTokenType} is issued.");
        string type = form.Require("subject_token_type");
        if (type is not (AccessTokenType or IdTokenType or JwtType))
            throw OAuthError.InvalidRequest("The subject_token_type is not one that is taken.");
        string subjectToken = form.Require("subject_token");
        AccessToken? own = await ReadOwnAsync(client, subjectToken);
        ForeignSubject subject = own is not null
            ? new ForeignSubject(own.Subject, own.Actor, own.DelegationStartSeconds, own.ExpiresAtSeconds)
            : await ReadForeignAsync(client, subjectToken)
                ?? throw OAuthError.InvalidRequest(
                    "The subject token is not from a trusted issuer, not for us, past or ended, issued more than a "
                    + "day ago, or its agent does not delegate to this one (delegates in the catalog).");
        return token with
        {
            Subject = subject.User,
            Actor = ActorOf(client, subject.Actor),
            // What was exchanged ends with what it was exchanged for, and its sessions with what the user gave.
            ExpiresAtSeconds = Math.Min(token.ExpiresAtSeconds, subject.ExpiresAtSeconds),
            DelegationStartSeconds = subject.IssuedAtSeconds,
            DelegationEndSeconds = own?.DelegationEndSeconds ?? subject.ExpiresAtSeconds,
            Sources = own is null ? [] : [new TokenSource(own.ClientId, own.Id), .. own.Sources],
        };
    }

    private async ValueTask<ForeignSubject?> ReadForeignAsync(LiveCredential client, string subjectToken)
    {
        ForeignSubject? subject = await issuers.ReadAsync(client, subjectToken);
        bool isEnded = subject is not null
            && directory.IsRevokedFor(client.Tenant, subject.User, subject.IssuedAtSeconds);
        return isEnded ? null : subject;
    }

    // A token of ours that another agent was given for a user: the chain of actors grows, as far as agents delegate.
    private async ValueTask<AccessToken?> ReadOwnAsync(LiveCredential client, string subjectToken)
    {
        if (!tokens.TryRead(subjectToken, out AccessToken? own) || own.Actor.Length == 0)
            return null;
        LiveCredential? holder = null;
        bool isUsable = own.Binding is null // It speaks for its own holder alone.
            && directory.FindHolder(own, out holder) == CredentialLookup.Live
            && holder!.Tenant == client.Tenant
            && await DelegatesAsync(client.Tenant, holder.Holder, client.Holder);
        if (isUsable && own.Sources.Count >= SourcesMax)
            throw OAuthError.InvalidRequest("Too many have acted for the user already.");
        return isUsable ? own : null;
    }

    // As a session of the one could be the parent of one of the other.
    private async ValueTask<bool> DelegatesAsync(string tenant, string from, string to)
    {
        if (from == to)
            return true;
        Catalog catalog = await context.CatalogOfAsync(tenant);
        Agent? agent = catalog.Agents.FirstOrDefault(agent => Names.AgentPrefix + agent.Id == from);
        return agent?.Delegates?.Agents.Any(id => Names.AgentPrefix + id == to) == true;
    }

    private static string ActorOf(LiveCredential client, string before)
    {
        if (before.Length > ActorCharsMax)
            throw OAuthError.InvalidRequest("Too many have acted for the user already.");
        Dictionary<string, object> actor = new() { ["sub"] = client.Holder };
        if (before.Length > 0)
            actor["act"] = JsonSerializer.Deserialize<JsonElement>(before);
        return JsonSerializer.Serialize(actor);
    }
}
