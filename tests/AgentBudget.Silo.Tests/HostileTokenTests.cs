using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using static AgentBudget.Silo.Tests.Identity;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace AgentBudget.Silo.Tests;

public sealed class HostileTokenTests
{
    [Fact]
    public async Task No_forged_token_is_taken_and_none_is_in_a_log()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string good = (await silo.OpenAsync(silo.AdminKey, "agents/writer")).SessionToken;
        using ECDsa ours = ECDsa.Create();
        ours.ImportFromPem(await File.ReadAllTextAsync(Path.Combine(silo.DataFolder, "signing.key")));
        Dictionary<string, string> forged = Forgeries(good, ours);

        foreach ((string name, string token) in forged)
        {
            RpcException asSession = await RefusedAsync(
                RpcStatusCode.Unauthenticated, () => silo.SpendAsync(silo.AdminKey, token));
            // What does not fit a header at all is refused by the server before anybody looks at it.
            if (token.Length < 8 * 1024)
                await RefusedAsync(RpcStatusCode.Unauthenticated, () => silo.SpendAsync(token, ""));
            Assert.True(!asSession.Message.Contains(token, StringComparison.Ordinal), name);
        }

        Assert.Equal(Decision.Allow, (await silo.SpendAsync(silo.AdminKey, good)).Decision);
        Assert.All(
            forged,
            pair => Assert.DoesNotContain(
                pair.Value[..Math.Min(200, pair.Value.Length)], silo.LogText, StringComparison.Ordinal));
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
    public async Task No_secret_leaves_by_a_log_an_error_or_an_export()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        List<string> secrets = [silo.AdminKey];
        foreach (Role role in new[] { Role.Gateway, Role.Finance, Role.Auditor, Role.Admin, Role.Orchestrator })
            secrets.Add(await silo.SecretAsync(role, "canary"));
        secrets.Add(await silo.SecretAsync(Role.Agent, "agents/writer"));
        OpenSessionResponse opened = await silo.OpenAsync(secrets[^1], "agents/writer");
        secrets.Add(opened.SessionToken);
        StringBuilder said = new();
        foreach (string secret in secrets)
        {
            foreach (string method in new[] { "ReserveTokens", "ListEntries", "ListCredentials", "GetSession" })
            {
                JsonObject request = new() { ["requestId"] = NextId(), ["sessionToken"] = secret + "x" };
                said.AppendLine((await silo.PostAsync(method, request, secret)).Body.ToJsonString());
                said.AppendLine((await silo.PostAsync(method, [], secret)).Body.ToJsonString());
                said.AppendLine((await silo.PostAsync(method, [], secret + "x")).Body.ToJsonString());
            }
        }

        using HttpRequestMessage export = new(HttpMethod.Get, $"http://{silo.Host.Http}/audit.jsonl?all=true");
        export.Headers.Authorization = new("Bearer", silo.AdminKey);
        using HttpResponseMessage exported = await silo.Http.SendAsync(export);
        said.AppendLine(await exported.Content.ReadAsStringAsync()).AppendLine(silo.LogText);
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

    private static Dictionary<string, string> Forgeries(string good, ECDsa ours)
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
        string duplicate = Json(parts[1]).ToJsonString();
        return new Dictionary<string, string>
        {
            ["alg none"] = Unsigned("none") + ".",
            ["alg none with the signature"] = Unsigned("none") + "." + parts[2],
            ["alg HS256 with the public key"] =
                $"{shared}.{Base64Url.EncodeToString(HMACSHA256.HashData(publicKey, Encoding.ASCII.GetBytes(shared)))}",
            ["alg ES384"] = Unsigned("ES384") + "." + parts[2],
            ["another typ"] = Sign(header => header["typ"] = "JWT", _ => { }),
            ["an access token's typ"] = Sign(header => header["typ"] = "at+jwt", _ => { }),
            ["another audience"] = Sign(_ => { }, payload => payload["aud"] = "elsewhere"),
            ["another issuer"] = Sign(_ => { }, payload => payload["iss"] = "elsewhere"),
            ["expired by six seconds"] = Sign(_ => { }, payload => payload["exp"] = now - 6),
            ["no expiry"] = Sign(_ => { }, payload => payload.Remove("exp")),
            ["an unknown key id"] = Sign(header => header["kid"] = "nobody", _ => { }),
            ["a key of its own"] = SignText(
                Changed(parts[0], header => header["jwk"] = jwk).ToJsonString(),
                Json(parts[1]).ToJsonString(),
                stranger),
            ["a tampered signature"] = $"{parts[0]}.{parts[1]}.{flipped}",
            ["a truncated signature"] = $"{parts[0]}.{parts[1]}.{parts[2][..40]}",
            ["no signature"] = $"{parts[0]}.{parts[1]}.",
            ["the same first 200 characters"] = good[..200] + new string('A', good.Length - 200),
            ["duplicate claims, the second forged"] = SignText(
                Json(parts[0]).ToJsonString(), duplicate[..^1] + ",\"tenant\":\"other\"}", stranger),
            ["200 KiB"] = good + new string('A', 200 * 1024),
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
