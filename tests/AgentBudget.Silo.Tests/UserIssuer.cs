using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Silo.Tests;

/// <summary>An issuer of users' tokens that a silo trusts, and exchanges of them.</summary>
internal sealed class UserIssuer : IDisposable
{
    public const string Name = "https://users.example.test";
    public const string Exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    public const string JwtType = "urn:ietf:params:oauth:token-type:jwt";
    public const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-users-");

    public UserIssuer()
    {
        JsonObject key = TokenForge.PublicJwk(Key);
        key["kid"] = "users-1";
        KeyFile = Path.Combine(_folder.FullName, "users.json");
        File.WriteAllText(KeyFile, new JsonObject { ["keys"] = new JsonArray(key) }.ToJsonString());
        string issuers = Path.Combine(_folder.FullName, "issuers.json");
        File.WriteAllText(
            issuers, $$"""[{"issuer":"{{Name}}","jwks":"users.json","audience":"agentbudget","tenant":"acme"}]""");
        Settings = new Dictionary<string, string?> { ["identity:trustedIssuers"] = issuers };
    }

    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>Where its keys are.</summary>
    public string KeyFile { get; }

    /// <summary>What a silo is started with, so that it trusts the issuer.</summary>
    public Dictionary<string, string?> Settings { get; }

    /// <summary>A token that names a user, with what a test changes of it.</summary>
    public string TokenOf(string user, Action<JsonObject>? claims = null, Action<JsonObject>? header = null)
    {
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        JsonObject head = new() { ["alg"] = "ES256", ["typ"] = "JWT", ["kid"] = "users-1" };
        JsonObject payload = new()
        {
            ["iss"] = Name,
            ["aud"] = "agentbudget",
            ["sub"] = user,
            ["iat"] = now,
            ["exp"] = now + 300,
        };
        header?.Invoke(head);
        claims?.Invoke(payload);
        return TokenForge.SignText(head.ToJsonString(), payload.ToJsonString(), Key);
    }

    /// <summary>The access token that an agent's credential is given for a user.</summary>
    public async Task<string> ExchangeAsync(
        TestSilo silo, CreateCredentialResponse client, string user, Action<JsonObject>? claims = null)
    {
        (HttpStatusCode status, JsonNode answer) =
            await silo.AskOAuthAsync("token", ExchangeOf(TokenOf(user, claims)), client);
        Assert.True(status == HttpStatusCode.OK, answer.ToJsonString());
        return (string)answer["access_token"]!;
    }

    /// <summary>The form that exchanges a token.</summary>
    public static Dictionary<string, string> ExchangeOf(string token, string type = JwtType) => new()
    {
        ["grant_type"] = Exchange,
        ["subject_token"] = token,
        ["subject_token_type"] = type,
    };

    public void Dispose()
    {
        Key.Dispose();
        _folder.Delete(recursive: true);
    }
}

/// <summary>Questions to the OAuth endpoints.</summary>
internal static class OAuthAsking
{
    /// <summary>Sends a form as a client, or as nobody; an empty answer is an empty object.</summary>
    public static async Task<(HttpStatusCode Status, JsonNode Answer)> AskOAuthAsync(
        this TestSilo silo,
        string endpoint,
        Dictionary<string, string> form,
        CreateCredentialResponse? client = null,
        string? proof = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"http://{silo.Host.Http}/oauth2/{endpoint}");
        if (client is not null)
        {
            byte[] pair = Encoding.ASCII.GetBytes($"{client.Credential.KeyId}:{client.Secret}");
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(pair));
        }

        if (proof is not null)
            request.Headers.TryAddWithoutValidation("DPoP", proof);
        string body = string.Join('&', form.Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value)}"));
        request.Content = new StringContent(body, Encoding.ASCII, "application/x-www-form-urlencoded");
        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        string text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!);
    }
}
