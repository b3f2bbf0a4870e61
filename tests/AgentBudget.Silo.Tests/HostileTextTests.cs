using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>
/// What strangers write where tokens, proofs, secrets, keys and names are read: refused in the words of the protocol,
/// never as a defect, and without a line in the log. That is held when the silo stops: it fails on any error there.
/// </summary>
public sealed class HostileTextTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private const int Texts = 120;

    private readonly UserIssuer _users = new();
    private TestSilo _silo = null!;
    private CreateCredentialResponse _writer = null!;

    public async ValueTask InitializeAsync()
    {
        _silo = await TestSilo.StartAsync(Identity.Catalog, _users.Settings);
        _writer = await _silo.CreateAsync(Role.Agent, "agents/writer");
    }

    public async ValueTask DisposeAsync()
    {
        await _silo.DisposeAsync();
        _users.Dispose();
    }

    [Theory]
    [InlineData("eyJhbGciOiJFUzI1NiJ9.y...D")]
    [InlineData("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0.y.y.y.y")]
    [InlineData("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJcdWQ4MDAifQ.AA")]
    [InlineData("....")]
    [InlineData("y")]
    public async Task What_is_no_token_is_refused_like_a_forged_one(string text)
    {
        Dictionary<string, string> assertion = new()
        {
            ["grant_type"] = "client_credentials",
            ["client_assertion_type"] = AssertionType,
            ["client_assertion"] = text,
        };
        Assert.Equal((HttpStatusCode.Unauthorized, "invalid_client"), await ErrorAsync(assertion, client: null));
        Assert.Equal(
            (HttpStatusCode.BadRequest, "invalid_request"), await ErrorAsync(UserIssuer.ExchangeOf(text), _writer));
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_dpop_proof"), await ErrorAsync(Grant(), _writer, text));
        (HttpStatusCode status, JsonNode answer) =
            await _silo.AskOAuthAsync("introspect", new() { ["token"] = text }, _writer);
        Assert.Equal((HttpStatusCode.OK, false), (status, (bool)answer["active"]!));
        await RefusedAsync(StatusCode.Unauthenticated, () => _silo.SpendAsync(_silo.AdminKey, text));
        await RefusedAsync(StatusCode.Unauthenticated, () => _silo.OpenAsync(text, "agents/writer"));
    }

    [Fact]
    public async Task Whatever_is_nearly_right_is_refused_in_words_of_the_protocol()
    {
        int seed = Environment.GetEnvironmentVariable("AGENTBUDGET_SEED") is { } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : Environment.TickCount & int.MaxValue;
        output.WriteLine($"AGENTBUDGET_SEED={seed}");
        Random random = new(seed);
        string[] good =
        [
            _users.TokenOf("kim"), _writer.Secret, TokenForge.PublicJwk(_users.Key).ToJsonString(),
            (await _silo.OpenAsync(_writer.Secret, "agents/writer")).SessionToken, "agents/writer", _silo.AdminKey,
        ];
        for (int i = 0; i < Texts; i++)
        {
            string text = Spoil(random, good[random.Next(good.Length)]);
            string which = $"seed {seed}, text {i}: {text}";
            string[] names = ["client_assertion", "client_secret", "client_id", "subject_token", "resource", "scope"];
            Dictionary<string, string> form = random.Next(2) == 0 ? Grant() : UserIssuer.ExchangeOf(text);
            form[names[random.Next(names.Length)]] = text;
            bool isClient = random.Next(2) == 0;
            (HttpStatusCode status, _) = await _silo.AskOAuthAsync(
                "token", form, isClient ? _writer : null, random.Next(3) == 0 && IsHeader(text) ? text : null);
            Assert.True((int)status < 500, $"{which}: {status}");
            foreach (string endpoint in (string[])["introspect", "revoke"])
            {
                (status, _) = await _silo.AskOAuthAsync(endpoint, new() { ["token"] = text }, _writer);
                Assert.True((int)status < 500, $"{which}: {status} of {endpoint}");
            }

            JsonObject request = new()
            {
                ["requestId"] = NextId(),
                ["principal"] = "edge",
                ["role"] = "ROLE_GATEWAY",
                ["publicJwk"] = text,
            };
            (status, _) = await _silo.PostAsync("CreateCredential", request);
            Assert.True((int)status < 500, $"{which}: {status} of CreateCredential");
        }
    }

    [Theory]
    [InlineData("/etc/passwd")]
    [InlineData("file:///etc/passwd")]
    [InlineData("//host/service")]
    [InlineData("https:service")]
    [InlineData("https://service.example.test/#part")]
    [InlineData("https://kim@service.example.test/")]
    [InlineData("urn:service")]
    [InlineData("C:\\service")]
    [InlineData("https://service.example.test/ and more")]
    public async Task A_resource_is_the_URL_of_a_service(string resource)
    {
        Dictionary<string, string> form = Grant();
        form["resource"] = resource;
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_target"), await ErrorAsync(form, _writer));
        form["resource"] = "https://service.example.test/path";
        Assert.Equal((HttpStatusCode.OK, null), await ErrorAsync(form, _writer));
    }

    [Fact]
    public async Task A_token_for_another_audience_is_not_given()
    {
        Dictionary<string, string> form = Grant();
        form["audience"] = "https://other.example.test";
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_target"), await ErrorAsync(form, _writer));
    }

    [Fact]
    public async Task A_body_names_nothing_that_the_path_names()
    {
        using HttpRequestMessage message = new(
            HttpMethod.Post, $"http://{_silo.Host.Http}/v1/agents/writer:suspend");
        message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _silo.AdminKey);
        message.Content = JsonContent.Create(
            new JsonObject { ["requestId"] = "s1", ["agent"] = "agents/reader", ["reason"] = "odd" });
        using HttpResponseMessage response = await _silo.Http.SendAsync(message);
        string answer = await response.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("agent: is given by the path", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_is_one_whatever_way_it_names_itself()
    {
        CreateCredentialResponse sibling = await _silo.CreateAsync(Role.Agent, "agents/sibling");
        Dictionary<string, string> form = Grant();
        form["client_id"] = sibling.Credential.KeyId;
        Assert.Equal((HttpStatusCode.Unauthorized, "invalid_client"), await ErrorAsync(form, _writer));
        form["client_id"] = _writer.Credential.KeyId;
        Assert.Equal((HttpStatusCode.OK, null), await ErrorAsync(form, _writer));
        form["client_id"] = sibling.Credential.KeyId;
        form["client_secret"] = _writer.Secret;
        Assert.Equal((HttpStatusCode.Unauthorized, "invalid_client"), await ErrorAsync(form, client: null));
    }

    [Fact]
    public async Task A_key_beside_its_curve_becomes_no_credential()
    {
        using ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        JsonObject key = TokenForge.PublicJwk(_users.Key);
        key["y"] = TokenForge.PublicJwk(other)["y"]!.DeepClone();
        RpcException refused = await RefusedAsync(
            StatusCode.InvalidArgument,
            () => _silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
                "CreateCredential",
                new CreateCredentialRequest
                {
                    RequestId = NextId(),
                    Principal = "edge",
                    Role = Role.Gateway,
                    PublicJwk = key.ToJsonString(),
                }));
        Assert.Contains("public_jwk", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proof_is_taken_once_also_after_a_restart_and_for_this_host_alone()
    {
        using ProofKey key = new();
        string url = $"http://{_silo.Host.Http}/oauth2/token";
        string proof = key.Proof("POST", url, "");
        Assert.Equal((HttpStatusCode.OK, null), await ErrorAsync(Grant(), _writer, proof));
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_dpop_proof"), await ErrorAsync(Grant(), _writer, proof));
        string elsewhere = key.Proof("POST", "https://evil.example.test/oauth2/token", "");
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_dpop_proof"), await ErrorAsync(Grant(), _writer, elsewhere));

        await _silo.StopAsync();
        await _silo.StartAgainAsync(more: _users.Settings);
        proof = key.Proof(
            "POST",
            $"http://{_silo.Host.Http}/oauth2/token",
            "",
            claims => claims["iat"] = (long)claims["iat"]! - 1);
        Assert.Equal((HttpStatusCode.BadRequest, "invalid_dpop_proof"), await ErrorAsync(Grant(), _writer, proof));
    }

    private static Dictionary<string, string> Grant() => new() { ["grant_type"] = "client_credentials" };

    private async Task<(HttpStatusCode Status, string? Error)> ErrorAsync(
        Dictionary<string, string> form, CreateCredentialResponse? client, string? proof = null)
    {
        (HttpStatusCode status, JsonNode answer) = await _silo.AskOAuthAsync("token", form, client, proof);
        return (status, (string?)answer["error"]);
    }

    private static bool IsHeader(string text) =>
        text.Length is > 0 and < 8_000 && text.All(one => one is > ' ' and < '~');

    private static string Spoil(Random random, string text)
    {
        for (int times = random.Next(3); times >= 0 && text.Length > 1; times--)
        {
            int at = random.Next(text.Length);
            text = random.Next(6) switch
            {
                0 => text.Remove(at, 1),
                1 => text.Insert(at, "."),
                2 => text[..at],
                3 => text.Insert(at, ((char)random.Next(1, 0x2100)).ToString()),
                4 => text[at..] + text[..at],
                _ => text.Insert(at, "\u0000\uD800"),
            };
        }

        return text;
    }
}
