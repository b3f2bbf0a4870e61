using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Grpc.Net.Client;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>Sessions whose tokens are bound to the key of a proof (DPoP, RFC 9449).</summary>
public sealed class ProofBindingTests : IDisposable
{
    private readonly ProofKey _key = new();
    private readonly ProofKey _thief = new();

    [Fact]
    public async Task A_session_that_is_opened_so_spends_with_proofs_of_its_key_alone()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string gateway = await silo.SecretAsync(Role.Gateway, "edge");
        JsonNode opened = await OpenAsync(silo, _key);
        string token = (string)opened["sessionToken"]!;
        Assert.Equal(43, ((string)opened["session"]!["confirmation"]!["keyThumbprint"]!).Length);
        string url = UrlOf(silo, "ReserveTokens");
        string Fresh(Action<JsonObject>? change = null) => _key.Proof("POST", url, gateway, change);
        (_, JsonNode forged) = await ReserveAsync(silo, $"Bearer {gateway}", token[..^4] + "AAAA", Fresh());

        string proof = Fresh();
        (HttpStatusCode status, JsonNode held) = await ReserveAsync(silo, $"Bearer {gateway}", token, proof);
        Assert.Equal((HttpStatusCode.OK, "DECISION_ALLOW"), (status, (string)held["decision"]!));
        string?[] wrong =
        [
            null, proof, "not a proof", _thief.Proof("POST", url, gateway), _key.Proof("GET", url, gateway),
            _key.Proof("POST", UrlOf(silo, "CommitTokens"), gateway), _key.Proof("POST", url, token),
            Fresh(claims => claims.Remove("ath")), Fresh(claims => claims.Remove("jti")),
            Fresh(claims => claims["iat"] = (long)claims["iat"]! - 66),
            Fresh(claims => claims["iat"] = (long)claims["iat"]! + 66),
        ];
        foreach (string? bad in wrong)
        {
            (HttpStatusCode refused, JsonNode error) = await ReserveAsync(silo, $"Bearer {gateway}", token, bad);
            Assert.Equal(HttpStatusCode.Unauthorized, refused);
            Assert.Equal(forged.ToJsonString(), error.ToJsonString());
        }
    }

    [Fact]
    public async Task A_bound_session_token_speaks_for_itself_with_its_own_proof()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string token = (string)(await OpenAsync(silo, _key))["sessionToken"]!;
        string url = UrlOf(silo, "ReserveTokens");

        (HttpStatusCode own, _) =
            await ReserveAsync(silo, $"DPoP {token}", "", _key.Proof("POST", url, token));
        (HttpStatusCode bearer, _) =
            await ReserveAsync(silo, $"Bearer {token}", "", _key.Proof("POST", url, token));
        (HttpStatusCode stolen, _) =
            await ReserveAsync(silo, $"DPoP {token}", "", _thief.Proof("POST", url, token));
        OpenSessionResponse free = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        (HttpStatusCode unbound, _) = await ReserveAsync(
            silo, $"DPoP {free.SessionToken}", "", _key.Proof("POST", url, free.SessionToken));

        Assert.Equal(
            [HttpStatusCode.OK, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized],
            [own, bearer, stolen, unbound]);
    }

    [Fact]
    public async Task A_child_and_a_renewed_token_keep_the_key()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        JsonNode opened = await OpenAsync(silo, _key);
        string token = (string)opened["sessionToken"]!;
        string open = UrlOf(silo, "OpenSession");
        JsonObject Child() => new() { ["requestId"] = NextId(), ["parentSessionToken"] = token };

        (HttpStatusCode stolen, _) = await SendAsync(silo, "OpenSession", Child(), $"Bearer {silo.AdminKey}", null);
        (HttpStatusCode status, JsonNode child) = await SendAsync(
            silo, "OpenSession", Child(), $"Bearer {silo.AdminKey}", _key.Proof("POST", open, silo.AdminKey));
        RenewSessionResponse renewed = await silo.CallAsync<RenewSessionRequest, RenewSessionResponse>(
            "RenewSession",
            new RenewSessionRequest { RequestId = NextId(), Session = (string)opened["session"]!["session"]! });

        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.OK), (stolen, status));
        foreach (string bound in new[] { (string)child["sessionToken"]!, renewed.SessionToken })
        {
            (HttpStatusCode none, _) = await ReserveAsync(silo, $"Bearer {silo.AdminKey}", bound, null);
            (HttpStatusCode own, _) = await ReserveAsync(
                silo,
                $"Bearer {silo.AdminKey}",
                bound,
                _key.Proof("POST", UrlOf(silo, "ReserveTokens"), silo.AdminKey));
            Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.OK), (none, own));
        }
    }

    [Fact]
    public async Task A_stream_spends_for_a_bound_session_with_the_one_proof_it_was_opened_with()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string token = (string)(await OpenAsync(silo, _key))["sessionToken"]!;
        string url = $"http://{silo.Grpc}/agentbudget.v1.BudgetService/Spend";
        string proof = _key.Proof("POST", url, silo.AdminKey);

        Assert.Equal([0, 0, 0], (IEnumerable<int>)await ItemsAsync(silo, token, proof));
        int refused = (int)StatusCode.Unauthenticated;
        Assert.Equal([refused, refused, refused], (IEnumerable<int>)await ItemsAsync(silo, token, proof));
        Assert.Equal([refused, refused, refused], (IEnumerable<int>)await ItemsAsync(silo, token, null));
        string thiefs = _thief.Proof("POST", url, silo.AdminKey);
        Assert.Equal([refused, refused, refused], (IEnumerable<int>)await ItemsAsync(silo, token, thiefs));
    }

    [Fact]
    public async Task A_call_by_get_is_refused_as_such_and_its_proof_is_not_used_up()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string token = (string)(await OpenAsync(silo, _key))["sessionToken"]!;
        string url = UrlOf(silo, "ReserveTokens");
        using HttpRequestMessage query = new(HttpMethod.Get, $"{url}");
        query.Headers.Authorization = AuthenticationHeaderValue.Parse($"DPoP {token}");
        string proof = _key.Proof("POST", url, token);
        query.Headers.Add("dpop", proof);

        using HttpResponseMessage refused = await silo.Http.SendAsync(query).WaitAsync(TestSilo.Patience);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, refused.StatusCode);
        Assert.Equal(["POST"], refused.Content.Headers.Allow);
        (HttpStatusCode status, _) = await ReserveAsync(silo, $"DPoP {token}", "", proof);
        Assert.Equal(HttpStatusCode.OK, status);
    }

    [Fact]
    public async Task A_route_is_proven_for_its_own_verb()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string token = await TokenAsync(silo, await silo.CreateAsync(Role.Auditor, "deloitte"));
        string url = $"http://{silo.Host.Http}/audit.jsonl";
        async Task<HttpStatusCode> SendAsync(HttpMethod verb, string proof)
        {
            using HttpRequestMessage request = new(verb, url);
            request.Headers.Authorization = AuthenticationHeaderValue.Parse($"DPoP {token}");
            request.Headers.Add("dpop", proof);
            using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
            return response.StatusCode;
        }

        Assert.Equal(HttpStatusCode.OK, await SendAsync(HttpMethod.Get, _key.Proof("GET", url, token)));
        Assert.Equal(HttpStatusCode.OK, await SendAsync(HttpMethod.Head, _key.Proof("HEAD", url, token)));
        Assert.Equal(HttpStatusCode.Unauthorized, await SendAsync(HttpMethod.Get, _key.Proof("POST", url, token)));
    }

    [Fact]
    public async Task One_proof_speaks_for_an_access_token_and_a_session_of_the_same_key()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string token = await TokenAsync(silo, await silo.CreateAsync(Role.Agent, "agents/writer"));
        JsonObject request = Opening();
        request.Remove("agent");
        (HttpStatusCode status, JsonNode opened) = await SendAsync(
            silo, "OpenSession", request, $"DPoP {token}", _key.Proof("POST", UrlOf(silo, "OpenSession"), token));
        Assert.Equal(HttpStatusCode.OK, status);
        string session = (string)opened["sessionToken"]!;
        string url = UrlOf(silo, "ReserveTokens");
        JsonNode foreign = await OpenAsync(silo, _thief);

        (HttpStatusCode own, _) =
            await ReserveAsync(silo, $"DPoP {token}", session, _key.Proof("POST", url, token));
        (HttpStatusCode thiefs, _) = await ReserveAsync(
            silo, $"DPoP {token}", (string)foreign["sessionToken"]!, _key.Proof("POST", url, token));

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Unauthorized), (own, thiefs));
    }

    [Fact]
    public async Task A_session_of_a_key_is_opened_with_a_proof_or_not_at_all()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        (HttpStatusCode status, JsonNode error) =
            await SendAsync(silo, "OpenSession", Opening(), $"Bearer {silo.AdminKey}", proof: null);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("DPoP proof", error.ToJsonString(), StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _key.Dispose();
        _thief.Dispose();
    }

    private static string UrlOf(TestSilo silo, string method) =>
        JsonRoute.RequestOf(Calls.MethodOf(method), [], new Uri($"http://{silo.Host.Http}")).RequestUri!.ToString();

    private static JsonObject Opening() => new()
    {
        ["requestId"] = NextId(),
        ["agent"] = "agents/writer",
        ["useCase"] = "useCases/promo",
        ["unattended"] = true,
        ["senderConstraint"] = "SENDER_CONSTRAINT_PROOF_KEY",
    };

    private static async Task<JsonNode> OpenAsync(TestSilo silo, ProofKey key)
    {
        string proof = key.Proof("POST", UrlOf(silo, "OpenSession"), silo.AdminKey);
        (HttpStatusCode status, JsonNode opened) =
            await SendAsync(silo, "OpenSession", Opening(), $"Bearer {silo.AdminKey}", proof);
        Assert.True(status == HttpStatusCode.OK, opened.ToJsonString());
        return opened;
    }

    private static Task<(HttpStatusCode Status, JsonNode Body)> ReserveAsync(
        TestSilo silo, string authorization, string token, string? proof)
    {
        JsonObject request = new()
        {
            ["requestId"] = NextId(),
            ["sessionToken"] = token,
            ["model"] = "m",
            ["estimate"] = new JsonObject { ["inputTokens"] = "1000", ["maxOutputTokens"] = "0" },
        };
        return SendAsync(silo, "ReserveTokens", request, authorization, proof);
    }

    private static async Task<(HttpStatusCode Status, JsonNode Body)> SendAsync(
        TestSilo silo, string method, JsonObject body, string authorization, string? proof)
    {
        using HttpRequestMessage message = new(HttpMethod.Post, UrlOf(silo, method));
        message.Content = JsonContent.Create(body);
        return await SendAsync(silo, message, authorization, proof);
    }

    private static async Task<(HttpStatusCode Status, JsonNode Body)> SendAsync(
        TestSilo silo, HttpRequestMessage message, string authorization, string? proof)
    {
        message.Headers.Authorization = AuthenticationHeaderValue.Parse(authorization);
        if (proof is not null)
            message.Headers.Add("dpop", proof);
        using HttpResponseMessage response = await silo.Http.SendAsync(message).WaitAsync(TestSilo.Patience);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    // An access token that is bound to the key.
    private async Task<string> TokenAsync(TestSilo silo, CreateCredentialResponse client)
    {
        string url = $"http://{silo.Host.Http}/oauth2/token";
        using HttpRequestMessage request = new(HttpMethod.Post, url);
        request.Content = new FormUrlEncodedContent(
            new Dictionary<string, string> { ["grant_type"] = "client_credentials" });
        string pair = Convert.ToBase64String(Encoding.ASCII.GetBytes($"{client.Credential.KeyId}:{client.Secret}"));
        (_, JsonNode granted) = await SendAsync(silo, request, $"Basic {pair}", _key.Proof("POST", url, ""));
        Assert.Equal("DPoP", (string)granted["token_type"]!);
        return (string)granted["access_token"]!;
    }

    // The status of each of three items of one stream.
    private static async Task<int[]> ItemsAsync(TestSilo silo, string token, string? proof)
    {
        using GrpcChannel channel = Calls.ChannelTo(silo.Grpc);
        using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = channel.OpenSpend(
            silo.AdminKey, proof is null ? null : new Dictionary<string, string> { ["dpop"] = proof });
        List<int> codes = [];
        for (int item = 0; item < 3; item++)
        {
            ReserveTokensRequest reserve = new()
            {
                RequestId = NextId(),
                SessionToken = token,
                Model = "m",
                Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 0 },
            };
            await stream.RequestStream.WriteAsync(new SpendRequest { Reserve = reserve });
            SpendResponse? answer = await stream.NextAsync();
            codes.Add(answer!.Status?.Code ?? 0);
        }

        return [.. codes];
    }
}
