using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using static AgentBudget.Silo.Tests.Identity;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace AgentBudget.Silo.Tests;

public sealed class HostileTokenTests
{
    private const int BytesMax = 256 * 1024; // The largest message.

    [Fact]
    public async Task No_forged_token_is_taken_and_none_is_in_a_log()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string good = (await silo.OpenAsync(silo.AdminKey, "agents/writer")).SessionToken;
        using ECDsa ours = ECDsa.Create();
        ours.ImportFromPem(await File.ReadAllTextAsync(Path.Combine(silo.DataFolder, "signing.key")));
        Dictionary<string, string> forged = Forgeries(good, ours, "at+jwt");

        foreach ((string name, string token) in forged)
        {
            // What does not fit a message or a header at all is refused before anybody looks at it.
            RpcStatusCode code =
                token.Length < BytesMax ? RpcStatusCode.Unauthenticated : RpcStatusCode.ResourceExhausted;
            RpcException asSession = await RefusedAsync(code, () => silo.SpendAsync(silo.AdminKey, token));
            if (token.Length < 8 * 1024)
                await RefusedAsync(RpcStatusCode.Unauthenticated, () => silo.SpendAsync(token, ""));
            Assert.True(!asSession.Message.Contains(token, StringComparison.Ordinal), name);
        }

        Assert.Equal(Decision.Allow, (await silo.SpendAsync(silo.AdminKey, good)).Decision);
        AssertUnheard(silo, forged);
    }

    [Fact]
    public async Task No_forged_access_token_is_taken_and_none_is_in_a_log()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse client = await silo.CreateAsync(Role.Agent, "agents/writer");
        JsonNode granted = await AskAsync(silo, client, "token", "grant_type", "client_credentials");
        string good = (string)granted["access_token"]!;
        using ECDsa ours = ECDsa.Create();
        ours.ImportFromPem(await File.ReadAllTextAsync(Path.Combine(silo.DataFolder, "signing.key")));
        Dictionary<string, string> forged = Forgeries(good, ours, SessionTokens.TokenType);

        foreach ((string name, string token) in forged)
        {
            // A longer one fits neither a header nor a form: its connection ends before anybody looks at it.
            if (token.Length >= 8 * 1024)
                continue;
            await RefusedAsync(RpcStatusCode.Unauthenticated, () => silo.OpenAsync(token, ""));
            JsonNode introspected = await AskAsync(silo, client, "introspect", "token", token);
            bool isActive = introspected["active"] is { } active && (bool)active;
            Assert.False(isActive, name);
            await AskAsync(silo, client, "revoke", "token", token);
        }

        await silo.OpenAsync(good, "");
        AssertUnheard(silo, forged);
    }

    [Fact]
    public async Task A_token_that_was_good_ends_with_its_session_its_parent_or_its_key()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        OpenSessionResponse ended = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        OpenSessionResponse revoked = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        OpenSessionResponse parent = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        OpenSessionResponse child = await silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
            "OpenSession", new OpenSessionRequest { RequestId = NextId() }, parent.SessionToken);
        OpenSessionResponse signed = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        await silo.CallAsync<EndSessionRequest, EndSessionResponse>(
            "EndSession", new EndSessionRequest { RequestId = NextId(), SessionToken = ended.SessionToken });
        foreach (OpenSessionResponse one in new[] { revoked, parent })
        {
            await silo.CallAsync<RevokeSessionRequest, RevokeSessionResponse>(
                "RevokeSession",
                new RevokeSessionRequest { RequestId = NextId(), Session = one.Session.Session_, Reason = "odd" });
        }

        async Task<Reason> ReasonAsync(OpenSessionResponse session) =>
            (await silo.SpendAsync(silo.AdminKey, session.SessionToken)).Denial.Reason;
        Assert.Equal(Reason.SessionClosed, await ReasonAsync(ended));
        Assert.Equal(Reason.SessionRevoked, await ReasonAsync(revoked));
        Assert.Equal(Reason.SessionRevoked, await ReasonAsync(child));
        await silo.SpendAsync(silo.AdminKey, signed.SessionToken);
        await silo.CallAsync<RotateSigningKeyRequest, RotateSigningKeyResponse>(
            "RotateSigningKey",
            new RotateSigningKeyRequest { RequestId = NextId(), Overlap = new Duration(), Reason = "leaked" });
        await RefusedAsync(RpcStatusCode.Unauthenticated, () => silo.SpendAsync(silo.AdminKey, signed.SessionToken));
    }

    [Fact]
    public async Task Only_the_operator_changes_the_signing_key()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string admin = await silo.SecretAsync(Role.Admin, "root");
        await RefusedAsync(RpcStatusCode.PermissionDenied, () => RotateAsync(silo, admin));
        await RotateAsync(silo, silo.AdminKey);
        ListEntriesResponse entries = await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
            "ListEntries",
            new ListEntriesRequest { Filter = new SpendFilter { Kinds = { EventKind.SigningKeyRotated } } });
        Assert.Equal("yearly", Assert.Single(entries.Entries).SigningKeyRotated.Reason);
    }

    [Fact]
    public async Task No_secret_leaves_by_a_log_an_error_a_route_or_an_export()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        List<string> secrets = [silo.AdminKey];
        foreach (Role role in new[] { Role.Gateway, Role.Finance, Role.Auditor, Role.Admin, Role.Orchestrator })
            secrets.Add(await silo.SecretAsync(role, "canary"));
        CreateCredentialResponse client = await silo.CreateAsync(Role.Agent, "agents/writer");
        secrets.Add(client.Secret);
        secrets.Add((await silo.OpenAsync(client.Secret, "agents/writer")).SessionToken);
        JsonNode granted = await AskAsync(silo, client, "token", "grant_type", "client_credentials");
        secrets.Add((string)granted["access_token"]!);
        StringBuilder said = new();
        foreach (string secret in secrets)
        {
            foreach (string method in new[]
            {
                "ReserveTokens", "ListEntries", "ListCredentials", "GetSession", "GetAccessReview", "GetChargeback",
                "GetUnitCosts", "GetAttributionCoverage", "GetCatalog", "GetBalance",
            })
            {
                JsonObject request = new() { ["requestId"] = NextId(), ["sessionToken"] = secret + "x" };
                said.AppendLine((await silo.PostAsync(method, request, secret)).Body.ToJsonString());
                said.AppendLine((await silo.PostAsync(method, [], secret)).Body.ToJsonString());
                said.AppendLine((await silo.PostAsync(method, [], secret + "x")).Body.ToJsonString());
            }

            foreach (string endpoint in new[] { "introspect", "revoke", "token" })
            {
                JsonNode answer = await AskAsync(silo, client, endpoint, "token", secret);
                said.AppendLine(answer.ToJsonString());
            }
        }

        // Whatever route there is, for operators too: the audit's export with every event, and the rest.
        foreach (string path in silo.Host.Routes.Where(route => route.Verb == "GET").Select(route => route.Path))
        {
            using HttpRequestMessage export = new(HttpMethod.Get, $"http://{silo.Host.Http}{path}?all=true");
            export.Headers.Authorization = new("Bearer", silo.AdminKey);
            using HttpResponseMessage exported = await silo.Http.SendAsync(export);
            said.AppendLine(await exported.Content.ReadAsStringAsync());
        }

        said.AppendLine(silo.LogText);
        Assert.Contains("credentialCreated", said.ToString(), StringComparison.Ordinal);
        foreach (string secret in secrets)
        {
            string random = secret[(secret.LastIndexOf('.') + 1)..];
            Assert.DoesNotContain(random, said.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_agent_that_ends_under_load_takes_nobody_along()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        OpenSessionResponse writer = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        OpenSessionResponse sibling = await silo.OpenAsync(silo.AdminKey, "agents/sibling");
        ReserveTokensResponse inFlight = await silo.SpendAsync(silo.AdminKey, writer.SessionToken);
        using CancellationTokenSource over = new();
        int granted = 0;
        async Task LoadAsync()
        {
            while (!over.IsCancellationRequested)
            {
                Assert.Equal(Decision.Allow, (await silo.SpendAsync(silo.AdminKey, sibling.SessionToken)).Decision);
                Interlocked.Increment(ref granted);
            }
        }

        Task[] load = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(LoadAsync))];
        await silo.CallAsync<DecommissionAgentRequest, DecommissionAgentResponse>(
            "DecommissionAgent",
            new DecommissionAgentRequest { RequestId = NextId(), Agent = "agents/writer", Reason = "gone" });
        ReserveTokensResponse next = await silo.SpendAsync(silo.AdminKey, writer.SessionToken);
        CommitTokensResponse late =
            await silo.CommitAsync(writer.SessionToken, NextId(), inFlight.Reservation.ReservationId, 1000);
        int before = Volatile.Read(ref granted);
        for (int call = 0; call < 20; call++)
            await silo.SpendAsync(silo.AdminKey, sibling.SessionToken);
        await over.CancelAsync();
        await Task.WhenAll(load).WaitAsync(TestSilo.Patience);

        Assert.Equal((Decision.Deny, Reason.SessionRevoked), (next.Decision, next.Denial.Reason));
        Assert.True(late.Late);
        Assert.Equal(1000, late.Settled.Tokens);
        Assert.True(Volatile.Read(ref granted) > before, "the sibling was not served beside it");
    }

    private static Task<RotateSigningKeyResponse> RotateAsync(TestSilo silo, string bearer) =>
        silo.CallAsync<RotateSigningKeyRequest, RotateSigningKeyResponse>(
            "RotateSigningKey",
            new RotateSigningKeyRequest { RequestId = NextId(), Reason = "yearly" },
            bearer);

    private static void AssertUnheard(TestSilo silo, Dictionary<string, string> forged) => Assert.All(
        forged,
        pair => Assert.DoesNotContain(
            pair.Value[..Math.Min(200, pair.Value.Length)], silo.LogText, StringComparison.Ordinal));

    // Asks an OAuth endpoint as a client with one more parameter.
    private static async Task<JsonNode> AskAsync(
        TestSilo silo, CreateCredentialResponse client, string endpoint, string name, string value)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"http://{silo.Host.Http}/oauth2/{endpoint}");
        string pair = $"{client.Credential.KeyId}:{client.Secret}";
        request.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(pair)));
        request.Content = new StringContent(
            $"{name}={Uri.EscapeDataString(value)}", Encoding.ASCII, "application/x-www-form-urlencoded");
        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
    }

    private static Dictionary<string, string> Forgeries(string good, ECDsa ours, string otherType)
    {
        string[] parts = good.Split('.');
        byte[] publicKey = ours.ExportSubjectPublicKeyInfo();
        long now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        string Sign(Action<JsonObject> header, Action<JsonObject> payload) => SignText(
            Changed(parts[0], header).ToJsonString(), Changed(parts[1], payload).ToJsonString(), ours);
        string Unsigned(string algorithm) => Encode(
            Changed(parts[0], header => header["alg"] = algorithm).ToJsonString()) + "." + parts[1];
        string shared = Unsigned("HS256");
        string flipped = parts[2][..^2] + (parts[2][^2] == 'A' ? 'B' : 'A') + parts[2][^1];
        using ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        ECPoint point = stranger.ExportParameters(includePrivateParameters: false).Q;
        JsonObject jwk = new()
        {
            ["kty"] = "EC",
            ["crv"] = "P-256",
            ["x"] = Base64Url.EncodeToString(point.X),
            ["y"] = Base64Url.EncodeToString(point.Y),
        };
        string claims = Json(parts[1]).ToJsonString();
        return new Dictionary<string, string>
        {
            ["alg none"] = Unsigned("none") + ".",
            ["alg none with the signature"] = Unsigned("none") + "." + parts[2],
            ["alg HS256 with the public key"] =
                $"{shared}.{Base64Url.EncodeToString(HMACSHA256.HashData(publicKey, Encoding.ASCII.GetBytes(shared)))}",
            ["alg ES384"] = Unsigned("ES384") + "." + parts[2],
            ["another typ"] = Sign(header => header["typ"] = "JWT", _ => { }),
            ["the typ of our other tokens"] = Sign(header => header["typ"] = otherType, _ => { }),
            ["no typ"] = Sign(header => header.Remove("typ"), _ => { }),
            ["another audience"] = Sign(_ => { }, payload => payload["aud"] = "elsewhere"),
            ["another issuer"] = Sign(_ => { }, payload => payload["iss"] = "elsewhere"),
            ["expired by six seconds"] = Sign(_ => { }, payload => payload["exp"] = now - 6),
            ["no expiry"] = Sign(_ => { }, payload => payload.Remove("exp")),
            ["an unknown key id"] = Sign(header => header["kid"] = "nobody", _ => { }),
            ["a key of its own"] = SignText(
                Changed(parts[0], header => header["jwk"] = jwk).ToJsonString(),
                Json(parts[1]).ToJsonString(),
                stranger),
            ["a key of its own elsewhere"] = SignText(
                Changed(parts[0], header => header["jku"] = "http://127.0.0.1:9/keys").ToJsonString(),
                Json(parts[1]).ToJsonString(),
                stranger),
            ["a tampered signature"] = $"{parts[0]}.{parts[1]}.{flipped}",
            ["a truncated signature"] = $"{parts[0]}.{parts[1]}.{parts[2][..40]}",
            ["no signature"] = $"{parts[0]}.{parts[1]}.",
            ["the same first 200 characters"] = good[..200] + new string('A', good.Length - 200),
            // As if somebody had made us sign them: which of the two counts must never be a question.
            ["duplicate claims"] = SignText(
                Json(parts[0]).ToJsonString(), claims[..^1] + ",\"tenant\":\"acme\"}", ours),
            ["duplicate claims, one by an escape"] = SignText(
                Json(parts[0]).ToJsonString(), claims[..^1] + ",\"t\\u0065nant\":\"acme\"}", ours),
            ["duplicate headers"] = SignText(
                Json(parts[0]).ToJsonString()[..^1] + ",\"alg\":\"ES256\"}", claims, ours),
            ["200 KiB"] = good + new string('A', 200 * 1024),
            ["256 KiB"] = good + new string('A', BytesMax - good.Length),
        };
    }

    private static JsonObject Json(string part) => JsonNode.Parse(Base64Url.DecodeFromChars(part))!.AsObject();

    private static JsonObject Changed(string part, Action<JsonObject> change)
    {
        JsonObject json = Json(part);
        change(json);
        return json;
    }

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));

    private static string SignText(string header, string payload, ECDsa key)
    {
        string signed = $"{Encode(header)}.{Encode(payload)}";
        byte[] signature = key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }
}
