using System.Text;
using AgentBudget.Api.Access;
using AgentBudget.Identity;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.OAuth;

/// <summary>
/// Clients of the OAuth endpoints: a credential's key id is its client id, its whole secret the client secret
/// (client_secret_basic, client_secret_post), or its private key signs an assertion (private_key_jwt).
/// </summary>
internal sealed class OAuthClients(
    CredentialFeed credentials, ClientAssertions assertions, FailedAttempts attempts, Func<string> issuer)
{
    internal const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    private const string BasicScheme = "Basic ";

    /// <summary>The credential that a request proves; throws <see cref="OAuthError"/>.</summary>
    internal async ValueTask<LiveCredential> AuthenticateAsync(HttpContext context, OAuthForm form)
    {
        string authorization = context.Request.Headers.Authorization.ToString();
        bool isBasic = authorization.Length > 0;
        bool isAssertion = form["client_assertion"].Length > 0;
        bool isPost = form["client_secret"].Length > 0;
        if ((isBasic ? 1 : 0) + (isAssertion ? 1 : 0) + (isPost ? 1 : 0) != 1)
        {
            throw isBasic || isAssertion || isPost
                ? OAuthError.InvalidRequest("A client authenticates in one way.")
                : OAuthError.InvalidClient();
        }

        CallOrigin origin = ConnectionMemory.OriginOf(context.Features);
        (string id, string secret) = isAssertion
            ? (ClientAssertions.ClientIdOf(form["client_assertion"]) ?? "", "")
            : isBasic ? ReadBasic(authorization) : (form["client_id"], form["client_secret"]);
        LiveCredential? client = isAssertion
            ? await FindByAssertionAsync(id, form, origin)
            : await FindBySecretAsync(id, secret, origin);
        // One client: whatever way it proves itself, what it says beside must be the same (RFC 6749 §2.3.1).
        string named = form["client_id"];
        if (client is not null && (named.Length == 0 || named == client.KeyId))
            return client;
        await attempts.SlowAsync(secret.Length > 0 ? secret : id, context.RequestAborted)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        throw OAuthError.InvalidClient();
    }

    private async ValueTask<LiveCredential?> FindBySecretAsync(string id, string secret, CallOrigin origin) =>
        await credentials.FindAsync(secret, origin) is { } caller && caller.Credential.KeyId == id
            ? caller.Credential
            : null;

    private static (string Id, string Secret) ReadBasic(string authorization)
    {
        if (!authorization.StartsWith(BasicScheme, StringComparison.OrdinalIgnoreCase))
            throw OAuthError.InvalidClient();
        Span<byte> bytes = new byte[authorization.Length];
        if (!Convert.TryFromBase64String(authorization[BasicScheme.Length..].Trim(), bytes, out int count))
            throw OAuthError.InvalidClient();
        string pair = Encoding.UTF8.GetString(bytes[..count]);
        int colon = pair.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
            throw OAuthError.InvalidClient();
        return (Decode(pair[..colon]), Decode(pair[(colon + 1)..]));
    }

    // Both halves come form-encoded (RFC 6749 §2.3.1).
    private static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));

    private async ValueTask<LiveCredential?> FindByAssertionAsync(string id, OAuthForm form, CallOrigin origin)
    {
        if (form["client_assertion_type"] != AssertionType
            || await credentials.FindByKeyIdAsync(id) is not { } credential)
        {
            return null;
        }

        switch (await assertions.CheckAsync(credential, form["client_assertion"], issuer()))
        {
            case ProofOutcome.Taken:
                return credentials.Directory.TryUse(credential, origin) ? credential : null;
            case ProofOutcome.Exhausted:
                throw OAuthError.TooMany();
            case ProofOutcome.Unknown:
                throw OAuthError.NotNow();
            default:
                credentials.Directory.NoteWrong(credential);
                return null;
        }
    }
}
