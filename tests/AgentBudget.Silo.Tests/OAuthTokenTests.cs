using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>
/// Tokens that nobody should take, at every place of the OAuth endpoints where one is shown: tokens to introspect and
/// to revoke, subject and actor tokens, clients' assertions and secrets, proofs.
/// </summary>
public sealed class OAuthTokenTests : IAsyncLifetime
{
    private const string Issuer = "https://users.example.test";
    private const string Exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    private const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";
    private const string JwtType = "urn:ietf:params:oauth:token-type:jwt";
    private const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private const string Taken = "taken";
    private const string TooLargeForHead = "431";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-oauth-");
    private readonly ECDsa _users = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa _clients = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ProofKey _proofs = new();
    private readonly List<string> _shown = [];
    private TestSilo _silo = null!;
    private ECDsa _ours = null!;
    private CreateCredentialResponse _client = null!;
    private CreateCredentialResponse _keyed = null!;
    private int _numbers;

    public async ValueTask InitializeAsync()
    {
        JsonObject key = TokenForge.PublicJwk(_users);
        key["kid"] = "users-1";
        string folder = _folder.FullName;
        await File.WriteAllTextAsync(
            Path.Combine(folder, "users.json"), new JsonObject { ["keys"] = new JsonArray(key) }.ToJsonString());
        string issuers = Path.Combine(folder, "issuers.json");
        await File.WriteAllTextAsync(
            issuers,
            $$"""[{"issuer":"{{Issuer}}","jwks":"users.json","audience":"agentbudget","tenant":"acme"}]""");
        _silo = await TestSilo.StartAsync(
            Identity.Catalog, new Dictionary<string, string?> { ["identity:trustedIssuers"] = issuers });
        _ours = await TokenForge.KeyOfAsync(_silo);
        _client = await _silo.CreateAsync(Role.Agent, "agents/writer");
        _keyed = await _silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
            "CreateCredential",
            new CreateCredentialRequest
            {
                RequestId = NextId(),
                Principal = "agents/writer",
                Role = Role.Agent,
                PublicJwk = TokenForge.PublicJwk(_clients).ToJsonString(),
            });
    }

    public async ValueTask DisposeAsync()
    {
        await _silo.DisposeAsync();
        _ours.Dispose();
        _users.Dispose();
        _clients.Dispose();
        _proofs.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_token_of_more_than_8_KiB_is_refused_wherever_it_is_shown()
    {
        foreach (Place place in await PlacesAsync())
        {
            // As long as a token may be it is taken, so that its length alone is what is refused.
            Assert.Equal((place.Name, place.Good), (place.Name, await AskAsync(place, 7_900)));
            Assert.Equal((place.Name, place.Refusal), (place.Name, await AskAsync(place, 8_300)));
            string large = place.IsHeader ? TooLargeForHead : place.Refusal;
            Assert.Equal((place.Name, large), (place.Name, await AskAsync(place, 28_000)));
            string huge = place.IsHeader ? TooLargeForHead : "400 invalid_request";
            Assert.Equal((place.Name, huge), (place.Name, await AskAsync(place, TokenForge.BytesMax)));
        }

        AssertUnheard();
    }

    [Fact]
    public async Task A_long_token_revokes_nothing()
    {
        string good = await GrantedAsync();
        foreach (int chars in (int[])[8_300, 28_000, TokenForge.BytesMax])
        {
            string token = Shown(TokenForge.Lengthened(good, _ours, chars));
            string expected = chars > 32 * 1024 ? "400 invalid_request" : "200";
            Assert.Equal(expected, await SendAsync("revoke", new() { ["token"] = token }));
            Assert.Equal(Taken, await SendAsync("introspect", new() { ["token"] = good }));
        }

        Assert.Equal("200", await SendAsync("revoke", new() { ["token"] = TokenForge.Lengthened(good, _ours, 7_900) }));
        Assert.Equal("200 inactive", await SendAsync("introspect", new() { ["token"] = good }));
        AssertUnheard();
    }

    [Fact]
    public async Task No_forged_token_is_taken_at_an_OAuth_endpoint()
    {
        string subject = UserToken(0);
        string exchanged = (string)(await ReadAsync("token", ExchangeOf(subject, JwtType)))["access_token"]!;
        foreach ((string name, string forged) in TokenForge.Forgeries(exchanged, _ours, SessionTokens.TokenType))
        {
            string token = Shown(forged);
            bool fits = token.Length < 32 * 1024;
            string tooLarge = "400 invalid_request";
            async Task RefusedAsync(string expected, string endpoint, Dictionary<string, string> form) => Assert.Equal(
                (name, endpoint, fits ? expected : tooLarge), (name, endpoint, await SendAsync(endpoint, form)));
            await RefusedAsync("200 inactive", "introspect", new() { ["token"] = token });
            await RefusedAsync("200", "revoke", new() { ["token"] = token });
            await RefusedAsync("400 invalid_request", "token", ExchangeOf(token, AccessTokenType));
            await RefusedAsync("400 invalid_request", "token", ExchangeOf(token, JwtType));
            await RefusedAsync("400 invalid_request", "token", WithActor(ExchangeOf(subject, JwtType), token));
            Assert.Equal(
                (name, fits ? "401 invalid_client" : tooLarge),
                (name, await SendAsync("token", AssertionOf(token), isAnonymous: true)));
        }

        // What they were made of is taken still: nothing of all that revoked it.
        Assert.Equal(Taken, await SendAsync("introspect", new() { ["token"] = exchanged }));
        Assert.Equal(Taken, await SendAsync("token", ExchangeOf(exchanged, AccessTokenType)));
        AssertUnheard();
    }

    [Fact]
    public async Task A_token_of_another_tenant_is_like_none_at_the_OAuth_endpoints()
    {
        await _silo.ApplyAsync(
            Identity.Catalog.Replace("tenant: acme", "tenant: other", StringComparison.Ordinal), "other");
        CreateCredentialResponse other = await _silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
            "CreateCredential",
            new CreateCredentialRequest { RequestId = NextId(), Principal = "agents/writer", Role = Role.Agent },
            metadata: new Dictionary<string, string> { ["agentbudget-tenant"] = "other" });
        Dictionary<string, string> grant = new() { ["grant_type"] = "client_credentials" };
        string access = (string)JsonNode.Parse(await TextAsync("token", grant, other))!["access_token"]!;
        string session = (await _silo.OpenAsync(other.Secret, "agents/writer")).SessionToken;
        foreach (string token in (string[])[access, session])
        {
            foreach (string endpoint in (string[])["introspect", "revoke"])
            {
                Assert.Equal(
                    await TextAsync(endpoint, new() { ["token"] = "none" }, _client),
                    await TextAsync(endpoint, new() { ["token"] = token }, _client));
            }

            Assert.Equal(
                await TextAsync("token", ExchangeOf("none", AccessTokenType), _client),
                await TextAsync("token", ExchangeOf(token, AccessTokenType), _client));
            Assert.Contains(
                "\"active\":true",
                await TextAsync("introspect", new() { ["token"] = token }, other),
                StringComparison.Ordinal);
        }
    }

    // Somewhere a token is shown: what becomes of one that may be as long as it is, and of one that may not.
    private sealed record Place(
        string Name, string Good, string Refusal, Func<int, Task<string>> ShowAsync, bool IsHeader = false);

    private async Task<Place[]> PlacesAsync()
    {
        string access = await GrantedAsync();
        string session = (await _silo.OpenAsync(_client.Secret, "agents/writer")).SessionToken;
        string exchanged = (string)(await ReadAsync("token", ExchangeOf(UserToken(0), JwtType)))["access_token"]!;
        const string notOne = "400 invalid_request";
        const string noClient = "401 invalid_client";
        return
        [
            new("introspect, access token", Taken, "200 inactive",
                chars => SendAsync("introspect", new() { ["token"] = Long(access, chars) })),
            new("introspect, session token", Taken, "200 inactive",
                chars => SendAsync("introspect", new() { ["token"] = Long(session, chars) })),
            new("subject token of another issuer", Taken, notOne,
                chars => SendAsync("token", ExchangeOf(Shown(UserToken(chars)), JwtType))),
            new("subject token of ours", Taken, notOne,
                chars => SendAsync("token", ExchangeOf(Long(exchanged, chars), AccessTokenType))),
            new("actor token", notOne, notOne,
                chars => SendAsync("token", WithActor(ExchangeOf(UserToken(0), JwtType), Long(access, chars)))),
            new("assertion", Taken, noClient,
                chars => SendAsync("token", AssertionOf(Shown(Assertion(chars))), isAnonymous: true)),
            new("secret in the form", noClient, noClient,
                chars => SendAsync("token", WithSecret(Lengthened(chars)), isAnonymous: true)),
            new("secret in the header", noClient, noClient,
                chars => SendAsync("token", new() { ["grant_type"] = "client_credentials" }, secret: Lengthened(chars)),
                IsHeader: true),
            new("proof", Taken, "400 invalid_dpop_proof",
                chars => SendAsync(
                    "token", new() { ["grant_type"] = "client_credentials" }, proof: Shown(Proof(chars))),
                IsHeader: true),
        ];
    }

    private static Task<string> AskAsync(Place place, int chars) => place.ShowAsync(chars);

    private string Long(string good, int chars) => Shown(TokenForge.Lengthened(good, _ours, chars));

    // In a header it is base64 of name and secret: a quarter of it is not the secret's.
    private string Lengthened(int chars) => Shown(_client.Secret + new string('A', chars * 3 / 4));

    private string Shown(string token)
    {
        _shown.Add(token);
        return token;
    }

    private string UserToken(int chars)
    {
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        string token = TokenForge.SignText(
            """{"alg":"ES256","typ":"JWT","kid":"users-1"}""",
            $$"""{"iss":"{{Issuer}}","aud":"agentbudget","sub":"kim","iat":{{now}},"exp":{{now + 300}}}""",
            _users);
        return TokenForge.Lengthened(token, _users, chars);
    }

    private string Assertion(int chars)
    {
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        string id = _keyed.Credential.KeyId;
        long until = now + 60;
        string token = TokenForge.SignText(
            """{"alg":"ES256","typ":"JWT"}""",
            $$"""
            {"iss":"{{id}}","sub":"{{id}}","aud":"http://{{_silo.Host.Http}}","jti":"a{{++_numbers}}","iat":{{now}},
            "exp":{{until}}}
            """,
            _clients);
        return TokenForge.Lengthened(token, _clients, chars);
    }

    private string Proof(int chars) => _proofs.Proof(
        "POST", UrlOf("token"), "", claims => claims["pad"] = new string('x', Math.Max(0, chars - 500) * 3 / 4));

    private static Dictionary<string, string> ExchangeOf(string token, string type) => new()
    {
        ["grant_type"] = Exchange,
        ["subject_token"] = token,
        ["subject_token_type"] = type,
    };

    private static Dictionary<string, string> WithActor(Dictionary<string, string> form, string token)
    {
        form["actor_token"] = token;
        form["actor_token_type"] = AccessTokenType;
        return form;
    }

    private Dictionary<string, string> WithSecret(string secret) => new()
    {
        ["grant_type"] = "client_credentials",
        ["client_id"] = _client.Credential.KeyId,
        ["client_secret"] = secret,
    };

    private static Dictionary<string, string> AssertionOf(string assertion) => new()
    {
        ["grant_type"] = "client_credentials",
        ["client_assertion_type"] = AssertionType,
        ["client_assertion"] = assertion,
    };

    private async Task<string> GrantedAsync() =>
        (string)(await ReadAsync("token", new() { ["grant_type"] = "client_credentials" }))["access_token"]!;

    private string UrlOf(string endpoint) => $"http://{_silo.Host.Http}/oauth2/{endpoint}";

    private async Task<JsonNode> ReadAsync(string endpoint, Dictionary<string, string> form) =>
        JsonNode.Parse(await TextAsync(endpoint, form, _client))!;

    private async Task<string> TextAsync(
        string endpoint, Dictionary<string, string> form, CreateCredentialResponse client)
    {
        using HttpResponseMessage response =
            await PostAsync(endpoint, form, client.Secret, proof: null, client.Credential.KeyId);
        return await response.Content.ReadAsStringAsync();
    }

    // What came of it: "taken", or the status and the error.
    private async Task<string> SendAsync(
        string endpoint,
        Dictionary<string, string> form,
        bool isAnonymous = false,
        string? secret = null,
        string? proof = null)
    {
        string? shown = isAnonymous ? null : secret ?? _client.Secret;
        try
        {
            using HttpResponseMessage response = await PostAsync(endpoint, form, shown, proof);
            string status = ((int)response.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture);
            string text = await response.Content.ReadAsStringAsync();
            Assert.All(_shown, token => Assert.DoesNotContain(token, text, StringComparison.Ordinal));
            return text.Length == 0 ? status : StateOf(status, JsonNode.Parse(text)!);
        }
        catch (HttpRequestException ended)
        {
            // The connection of a head that is too large ends, sometimes before its answer.
            return (shown?.Length ?? 0) + (proof?.Length ?? 0) > 16 * 1024 ? TooLargeForHead : ended.ToString();
        }
    }

    private static string StateOf(string status, JsonNode answer) => answer switch
    {
        _ when answer["error"] is { } error => $"{status} {error}",
        _ when answer["active"] is { } active => (bool)active ? Taken : $"{status} inactive",
        _ when answer["access_token"] is not null => Taken,
        _ => status,
    };

    private async Task<HttpResponseMessage> PostAsync(
        string endpoint, Dictionary<string, string> form, string? secret, string? proof, string? id = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, UrlOf(endpoint));
        if (secret is not null)
        {
            byte[] pair = Encoding.ASCII.GetBytes($"{id ?? _client.Credential.KeyId}:{secret}");
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(pair));
        }

        if (proof is not null)
            request.Headers.Add("DPoP", proof);
        string body = string.Join('&', form.Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value)}"));
        request.Content = new StringContent(body, Encoding.ASCII, "application/x-www-form-urlencoded");
        return await _silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
    }

    private void AssertUnheard()
    {
        Assert.NotEmpty(_shown);
        Assert.All(
            _shown,
            token => Assert.DoesNotContain(
                token[^Math.Min(60, token.Length)..], _silo.LogText, StringComparison.Ordinal));
        Assert.DoesNotContain(new string('x', 100), _silo.LogText, StringComparison.Ordinal);
    }
}
