using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Tests.Support;
using Microsoft.Extensions.Logging;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>
/// Everything foreign that a silo reads, spoilt with its structure and signed where it is signed: users' tokens,
/// assertions, proofs, keys, key sets, headers, catalogs, providers' reports and JSON. Each is answered without a
/// defect, loses no effect of others, and leaves little in the log. AGENTBUDGET_SEED repeats a run, AGENTBUDGET_FUZZ
/// makes it longer: eng/fuzz.sh.
/// </summary>
public sealed class StructuredFuzzTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int TextsDefault = 20; // Of each kind.
    private const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    private const string Report = """
        {"anthropic":{"input_tokens":10,"output_tokens":3,"cache_read_input_tokens":"4","cache_creation_input_tokens":5,
        "cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":3},"server_tool_use":
        {"web_search_requests":1},"service_tier":"standard","iterations":[{"input_tokens":1,"output_tokens":1}]}}
        """;

    private const string OpenAiReport = """
        {"openAi":{"prompt_tokens":20,"completion_tokens":"7","total_tokens":27,"prompt_tokens_details":
        {"cached_tokens":5,"audio_tokens":2},"completion_tokens_details":{"reasoning_tokens":3}}}
        """;

    private const string GeminiReport = """
        {"gemini":{"promptTokenCount":20,"candidatesTokenCount":7,"thoughtsTokenCount":2,"totalTokenCount":29,
        "promptTokensDetails":[{"modality":"TEXT","tokenCount":20}]}}
        """;

    private static readonly (string Path, string Body)[] Calls =
    [
        ("/v1/reservations", """
            {"requestId":"r","sessionToken":"$","model":"m","ttl":"60s","tool":"crm.read",
            "estimate":{"inputTokens":"5","maxOutputTokens":5},"tags":{"a":"b"}}
            """),
        ("/v1/sessions", """
            {"requestId":"r","agent":"agents/writer","useCase":"useCases/promo","onBehalfOf":"user:kim","ttl":"60s",
            "tools":["crm.read"],"ceilings":{"steps":"5","costPerSession":{"currencyCode":"USD","units":"1","nanos":5}}}
            """),
        ("/v1/costs", """{"requestId":"r","sessionToken":"$","sku":"none","quantity":1.5}"""),
        ("/v1/tools:authorize", """{"requestId":"r","sessionToken":"$","tool":"crm.read"}"""),
        ("/v1/budgets:extend", """{"requestId":"r","grain":"useCases/promo","amountTokens":"5","reason":"more"}"""),
        ("/v1/sessions:get", """{"sessionToken":"$"}"""),
        ("/v1/sessions:renew", """{"requestId":"r","sessionToken":"$","ttl":"90s"}"""),
    ];

    private readonly UserIssuer _users = new();
    private readonly ECDsa _clientKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ProofKey _proofKey = new();
    private TestSilo _silo = null!;
    private CreateCredentialResponse _writer = null!;
    private CreateCredentialResponse _signer = null!;
    private OpenSessionResponse _beside = null!;
    private string _admin = ""; // Of the tenant: there are two.
    private string _session = "";
    private Random _random = null!;
    private int _settled;

    public async ValueTask InitializeAsync()
    {
        _silo = await TestSilo.StartAsync(Identity.Catalog, _users.Settings);
        _admin = await _silo.SecretAsync(Role.Admin, "root");
        _writer = await _silo.CreateAsync(Role.Agent, "agents/writer");
        _signer = await _silo.CallAsync<CreateCredentialRequest, CreateCredentialResponse>(
            "CreateCredential",
            new CreateCredentialRequest
            {
                RequestId = NextId(),
                Principal = "agents/writer",
                Role = Role.Agent,
                PublicJwk = TokenForge.PublicJwk(_clientKey).ToJsonString(),
            });
        await _silo.ApplyAsync(
            Identity.Catalog.Replace("tenant: acme", "tenant: other", StringComparison.Ordinal), "other");
        _beside = await _silo.OpenAsync(_writer.Secret, "agents/writer");
        _session = (await _silo.OpenAsync(_writer.Secret, "agents/writer")).SessionToken;
    }

    public async ValueTask DisposeAsync()
    {
        await _silo.DisposeAsync();
        _users.Dispose();
        _clientKey.Dispose();
        _proofKey.Dispose();
    }

    [Fact]
    public async Task Whatever_is_foreign_is_answered_without_a_defect_a_lost_effect_or_a_long_log()
    {
        int seed = NumberOf("AGENTBUDGET_SEED", Environment.TickCount & int.MaxValue);
        output.WriteLine($"AGENTBUDGET_SEED={seed}");
        _random = new Random(seed);
        int before = _silo.Lines(LogLevel.Warning).Count;
        long begun = TimeProvider.System.GetTimestamp();
        (string Kind, Func<Task<(HttpStatusCode, string)>> SendAsync)[] kinds =
        [
            ("token", SubjectAsync), ("assertion", AssertionAsync), ("proof", ProofAsync), ("key", KeyAsync),
            ("key set", KeySetAsync), ("header", HeaderAsync), ("catalog", CatalogAsync), ("report", ReportAsync),
            ("JSON", JsonAsync),
        ];
        int texts = NumberOf("AGENTBUDGET_FUZZ", TextsDefault);
        foreach ((string kind, Func<Task<(HttpStatusCode, string)>> sendAsync) in kinds)
        {
            Dictionary<HttpStatusCode, int> answers = [];
            for (int count = 0; count < texts; count++)
            {
                (HttpStatusCode status, string sent) = await sendAsync();
                Assert.True((int)status is >= 200 and < 500, $"seed {seed}, {kind} {count}: {status} of {sent}");
                answers[status] = answers.GetValueOrDefault(status) + 1;
            }

            output.WriteLine($"{kind}: {string.Join(", ", answers.Select(one => $"{one.Value} {one.Key}"))}");
            Assert.True(answers.Keys.Any(status => (int)status >= 400), $"no {kind} was refused");
            await SpendBesideAsync();
        }

        string[] lines = [.. _silo.Lines(LogLevel.Warning).Skip(before)];
        double seconds = TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        Assert.True(
            lines.Length < 100 + (2 * seconds), $"{lines.Length} lines in {seconds} s:\n{string.Join('\n', lines)}");
        await _silo.StopAsync();
        await _silo.StartAgainAsync(more: _users.Settings);
        await SpendBesideAsync();
    }

    // What everybody else does goes on, and nothing of it is lost.
    private async Task SpendBesideAsync()
    {
        ReserveTokensResponse held = await _silo.SpendAsync(_writer.Secret, _beside.SessionToken);
        await _silo.CallAsync<CommitTokensRequest, CommitTokensResponse>(
            "CommitTokens",
            new CommitTokensRequest
            {
                RequestId = NextId(),
                SessionToken = _beside.SessionToken,
                ReservationId = held.Reservation.ReservationId,
                Usage = new TokenUsage { InputTokens = 100 },
            },
            _writer.Secret);
        _settled += 100_000; // Nanos: a dollar for a million tokens.
        GetSessionResponse session = await _silo.CallAsync<GetSessionRequest, GetSessionResponse>(
            "GetSession", new GetSessionRequest { Session = _beside.Session.Session_ }, _admin);
        Assert.Equal((0L, _settled), (session.Session.Settled.Cost.Units, session.Session.Settled.Cost.Nanos));
    }

    private Task<(HttpStatusCode, string)> SubjectAsync() => ExchangeAsync(Signed(
        """{"alg":"ES256","typ":"JWT","kid":"users-1"}""",
        new JsonObject
        {
            ["iss"] = UserIssuer.Name,
            ["aud"] = "agentbudget",
            ["sub"] = "kim",
            ["act"] = new JsonObject { ["sub"] = "agents/other" },
            ["may_act"] = new JsonObject { ["sub"] = "agents/writer" },
        },
        _users.Key));

    private async Task<(HttpStatusCode, string)> AssertionAsync()
    {
        string keyId = _signer.Credential.KeyId;
        JsonObject claims = new()
        {
            ["iss"] = keyId,
            ["sub"] = keyId,
            ["aud"] = $"http://{_silo.Host.Http}",
            ["jti"] = NextId(),
        };
        string assertion = Signed("""{"alg":"ES256","typ":"JWT"}""", claims, _clientKey);
        Dictionary<string, string> form = new()
        {
            ["grant_type"] = "client_credentials",
            ["client_assertion_type"] = AssertionType,
            ["client_assertion"] = assertion,
        };
        return ((await _silo.AskOAuthAsync("token", form)).Status, assertion);
    }

    private async Task<(HttpStatusCode, string)> ProofAsync()
    {
        string good = _proofKey.Proof(
            "POST",
            $"http://{_silo.Host.Http}/oauth2/token",
            "",
            claims =>
            {
                JsonObject spoilt = Spoiler.Spoil(_random, claims).AsObject();
                claims.Clear();
                foreach ((string name, JsonNode? value) in spoilt)
                    claims[name] = value?.DeepClone();
            });
        string proof = HeaderOf(_random.Next(3) == 0 ? Spoiler.Spoil(_random, good) : good);
        Dictionary<string, string> form = new() { ["grant_type"] = "client_credentials" };
        return ((await _silo.AskOAuthAsync("token", form, _writer, proof)).Status, proof);
    }

    private async Task<(HttpStatusCode, string)> KeyAsync()
    {
        using RSA rsa = RSA.Create(2048);
        RSAParameters numbers = rsa.ExportParameters(includePrivateParameters: false);
        JsonObject key = _random.Next(3) > 0
            ? TokenForge.PublicJwk(_users.Key)
            : new JsonObject
            {
                ["kty"] = "RSA",
                ["n"] = Base64Url.EncodeToString(numbers.Modulus),
                ["e"] = Base64Url.EncodeToString(numbers.Exponent),
            };
        (key["use"], key["key_ops"], key["kid"]) = ("sig", new JsonArray("verify"), "k");
        string jwk = Spoiler.TextOf(_random, Spoiler.Spoil(_random, key));
        JsonObject request = new()
        {
            ["requestId"] = NextId(),
            ["principal"] = "edge",
            ["role"] = "ROLE_GATEWAY",
            ["publicJwk"] = jwk,
        };
        return ((await _silo.PostAsync("CreateCredential", request, tenant: "other")).Status, jwk);
    }

    private async Task<(HttpStatusCode, string)> KeySetAsync()
    {
        string good = await File.ReadAllTextAsync(_users.KeyFile);
        string set = Spoiler.TextOf(_random, Spoiler.Spoil(_random, JsonNode.Parse(good)!));
        if (_random.Next(4) == 0)
            set = Spoiler.Spoil(_random, set);
        await File.WriteAllBytesAsync(_users.KeyFile, Encoding.UTF8.GetBytes(set)); // Half a character is none there.
        (HttpStatusCode status, _) = await ExchangeAsync(_users.TokenOf("kim"));
        await File.WriteAllTextAsync(_users.KeyFile, good);
        return (status, set);
    }

    // Any header that is read, with one of another kind beside it now and then.
    private async Task<(HttpStatusCode, string)> HeaderAsync()
    {
        string url = $"http://{_silo.Host.Http}/v1/sessions:get";
        (string Name, string Good)[] headers =
        [
            ("authorization", $"Bearer {_writer.Secret}"), ("authorization", $"DPoP {_session}"),
            ("authorization", $"Bearer {_session}"), ("dpop", _proofKey.Proof("POST", url, _admin)),
            ("agentbudget-tenant", "acme"), ("grpc-timeout", "10S"), ("accept", "application/json"),
            ("accept-encoding", "gzip"), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ];
        using HttpRequestMessage request = new(HttpMethod.Post, url);
        string sent = "";
        foreach ((string name, string good) in _random.GetItems(headers, 2).DistinctBy(header => header.Name))
        {
            string value = HeaderOf(Spoiler.Spoil(_random, good));
            Assert.True(request.Headers.TryAddWithoutValidation(name, value), name);
            sent += $"{name}: {value}\n";
        }

        if (request.Headers.Authorization is null && !request.Headers.Contains("authorization"))
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _admin);
        request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        return (response.StatusCode, sent);
    }

    // No other characters are in a header.
    private static string HeaderOf(string text) => Ascii.IsValid(text) && !text.Any(char.IsControl)
        ? text
        : Convert.ToHexString(Encoding.UTF8.GetBytes(text));

    private async Task<(HttpStatusCode, string)> CatalogAsync()
    {
        string document = Spoiler.Spoil(
            _random, Identity.Catalog.Replace("tenant: acme", "tenant: other", StringComparison.Ordinal));
        JsonObject request = new() { ["requestId"] = NextId(), ["document"] = document };
        return ((await _silo.PostAsync("ApplyCatalog", request, tenant: "other")).Status, document);
    }

    private async Task<(HttpStatusCode, string)> ReportAsync()
    {
        string[] reports = [Report, OpenAiReport, GeminiReport];
        JsonNode report = Spoiler.Spoil(_random, JsonNode.Parse(reports[_random.Next(reports.Length)])!);
        ReserveTokensResponse held = await _silo.SpendAsync(_admin, await OpenSessionAsync());
        JsonObject request = new()
        {
            ["requestId"] = NextId(),
            ["sessionToken"] = _session,
            ["reservationId"] = held.Reservation.ReservationId,
            ["providerUsage"] = report,
        };
        return ((await _silo.PostAsync("CommitTokens", request, _admin)).Status, report.ToJsonString());
    }

    // Any method, as somebody who may call it, spoilt as a tree or as a text.
    private async Task<(HttpStatusCode, string)> JsonAsync()
    {
        (string path, string template) = Calls[_random.Next(Calls.Length)];
        JsonNode tree = JsonNode.Parse(template.Replace("$", await OpenSessionAsync(), StringComparison.Ordinal))!;
        if (tree["requestId"] is not null)
            tree["requestId"] = NextId();
        string body = Spoiler.TextOf(_random, Spoiler.Spoil(_random, tree));
        if (_random.Next(4) == 0)
            body = Spoiler.Spoil(_random, body);
        using HttpRequestMessage request = new(HttpMethod.Post, $"http://{_silo.Host.Http}{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _admin);
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        string answer = await response.Content.ReadAsStringAsync();
        Assert.NotNull(JsonNode.Parse(answer)); // An error is a google.rpc.Status, whatever was sent.
        return (response.StatusCode, $"{path} {body}");
    }

    // A new one where what was sent suspended or ended the last: usage that no call can have had does.
    private async Task<string> OpenSessionAsync()
    {
        GetSessionResponse found = await _silo.CallAsync<GetSessionRequest, GetSessionResponse>(
            "GetSession", new GetSessionRequest { SessionToken = _session }, _admin);
        if (found.Session.State != Session.Types.State.Open)
            _session = (await _silo.OpenAsync(_admin, "agents/writer")).SessionToken;
        return _session;
    }

    private async Task<(HttpStatusCode, string)> ExchangeAsync(string token) =>
        ((await _silo.AskOAuthAsync("token", UserIssuer.ExchangeOf(token), _writer)).Status, token);

    // Spoilt in its header, its claims or its text; what is signed is signed rightly.
    private string Signed(string header, JsonObject claims, ECDsa key)
    {
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        (claims["iat"], claims["exp"], claims["nbf"]) = (now, now + 200, now);
        JsonNode head = JsonNode.Parse(header)!;
        int which = _random.Next(6);
        string headText = Spoiler.TextOf(_random, which == 0 ? Spoiler.Spoil(_random, head) : head);
        string claimText = Spoiler.TextOf(_random, which is > 0 and < 5 ? Spoiler.Spoil(_random, claims) : claims);
        string token = TokenForge.SignText(headText, claimText, key);
        return which == 5 ? Spoiler.Spoil(_random, token) : token;
    }

    private static int NumberOf(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { } given
            ? int.Parse(given, NumberStyles.None, CultureInfo.InvariantCulture)
            : otherwise;
}
