using System.Text.Json;
using AgentBudget.Api.Access;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Api.OAuth;

/// <summary>
/// The OAuth 2.1 endpoints: metadata (RFC 8414), keys, tokens, introspection, revocation. Clients authenticate with the
/// tenant's credentials.
/// </summary>
internal sealed class OAuthRoutes
{
    internal const string TokenPath = "/oauth2/token";

    private const string IntrospectPath = "/oauth2/introspect";
    private const string RevokePath = "/oauth2/revoke";
    private const string JwksPath = "/oauth2/jwks";
    private const string MetadataPath = "/.well-known/oauth-authorization-server";

    private static readonly string[] ClientMethods = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
    private static readonly string[] SigningAlgorithms = ["ES256", "RS256", "PS256"];

    private readonly TokenEndpoint _token;
    private readonly TokenStatus _status;
    private readonly KeyRing _keys;
    private readonly Func<string> _issuer;
    private readonly TimeProvider _time;

    public OAuthRoutes(
        ApiContext context,
        Authenticators by,
        ClientAssertions assertions,
        KeyRing keys,
        TrustedIssuers issuers,
        Issuer issuer,
        TimeProvider time)
    {
        OAuthClients clients = new(by.Credentials, assertions, by.Attempts, issuer.Name);
        _token = new TokenEndpoint(
            clients, by.AccessTokens, by.Credentials.Directory, issuers, by.Proofs, context, time);
        _status = new TokenStatus(clients, by.AccessTokens, by.Sessions, context);
        _keys = keys;
        _issuer = issuer.Name;
        _time = time;
    }

    internal void Map(IEndpointRouteBuilder app)
    {
        app.MapRoute("GET", MetadataPath, http => AnswerAsync(http, Metadata()));
        app.MapRoute("GET", JwksPath, AnswerKeysAsync);
        app.MapRoute("POST", TokenPath, http => RunAsync(http, _token.AnswerAsync));
        app.MapRoute("POST", IntrospectPath, http => RunAsync(http, _status.IntrospectAsync));
        app.MapRoute("POST", RevokePath, http => RunAsync(http, async (context, form) =>
        {
            await _status.RevokeAsync(context, form);
            return [];
        }));
    }

    private Dictionary<string, object> Metadata()
    {
        string issuer = _issuer();
        return new Dictionary<string, object>
        {
            ["issuer"] = issuer,
            ["token_endpoint"] = issuer + TokenPath,
            ["introspection_endpoint"] = issuer + IntrospectPath,
            ["revocation_endpoint"] = issuer + RevokePath,
            ["jwks_uri"] = issuer + JwksPath,
            ["response_types_supported"] = Array.Empty<string>(),
            ["grant_types_supported"] = new[] { "client_credentials", TokenEndpoint.ExchangeGrant },
            ["token_endpoint_auth_methods_supported"] = ClientMethods,
            ["token_endpoint_auth_signing_alg_values_supported"] = SigningAlgorithms,
            ["introspection_endpoint_auth_methods_supported"] = ClientMethods,
            ["introspection_endpoint_auth_signing_alg_values_supported"] = SigningAlgorithms,
            ["revocation_endpoint_auth_methods_supported"] = ClientMethods,
            ["revocation_endpoint_auth_signing_alg_values_supported"] = SigningAlgorithms,
            ["dpop_signing_alg_values_supported"] = SigningAlgorithms,
            ["tls_client_certificate_bound_access_tokens"] = true,
        };
    }

    private static async Task RunAsync(
        HttpContext context, Func<HttpContext, OAuthForm, Task<Dictionary<string, object>>> answerAsync)
    {
        try
        {
            await AnswerAsync(context, await answerAsync(context, await OAuthForm.ReadAsync(context)));
        }
        catch (OAuthError error)
        {
            await RefuseAsync(context, error);
        }
        catch (TenantException)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }
        catch (RpcException fault) when (fault.StatusCode == StatusCode.Unavailable)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }
        catch (RpcException fault) when (fault.StatusCode == StatusCode.ResourceExhausted)
        {
            await RefuseAsync(context, OAuthError.TooMany());
        }
    }

    private static Task RefuseAsync(HttpContext context, OAuthError error)
    {
        context.Response.StatusCode = error.Status;
        bool isClient = error.Status == StatusCodes.Status401Unauthorized;
        if (isClient && context.Request.Headers.Authorization.Count > 0)
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"agentbudget\"";
        Dictionary<string, object> answer = new()
        {
            ["error"] = error.Code,
            ["error_description"] = error.Message,
        };
        return AnswerAsync(context, answer);
    }

    private Task AnswerKeysAsync(HttpContext context) => WriteAsync(context, _keys.ToJwks(_time.GetUtcNow()));

    private static Task AnswerAsync(HttpContext context, Dictionary<string, object> answer) =>
        WriteAsync(context, JsonSerializer.Serialize(answer));

    private static Task WriteAsync(HttpContext context, string json)
    {
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.WriteAsync(json);
    }
}
