using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;
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
        using ECDsa ours = await TokenForge.KeyOfAsync(silo);
        Dictionary<string, string> forged = TokenForge.Forgeries(good, ours, "at+jwt");

        foreach ((string name, string token) in forged)
        {
            // What does not fit a message or a header at all is refused before anybody looks at it.
            StatusCode code =
                token.Length < TokenForge.BytesMax ? StatusCode.Unauthenticated : StatusCode.ResourceExhausted;
            RpcException asSession = await RefusedAsync(code, () => silo.SpendAsync(silo.AdminKey, token));
            if (token.Length < 8 * 1024 + 1024) // A longer one does not fit a header.
                await RefusedAsync(StatusCode.Unauthenticated, () => silo.SpendAsync(token, ""));
            Assert.True(!asSession.Status.Detail.Contains(token, StringComparison.Ordinal), name);
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
        using ECDsa ours = await TokenForge.KeyOfAsync(silo);
        Dictionary<string, string> forged = TokenForge.Forgeries(good, ours, SessionTokens.TokenType);

        foreach (string token in forged.Values)
        {
            if (token.Length < 8 * 1024 + 1024) // A longer one does not fit a header.
                await RefusedAsync(StatusCode.Unauthenticated, () => silo.OpenAsync(token, ""));
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
        await RefusedAsync(StatusCode.Unauthenticated, () => silo.SpendAsync(silo.AdminKey, signed.SessionToken));
        Assert.All(
            new[] { ended, revoked, parent, child, signed },
            session => Assert.DoesNotContain(session.SessionToken[^60..], silo.LogText, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Only_the_operator_changes_the_signing_key()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        string admin = await silo.SecretAsync(Role.Admin, "root");
        await RefusedAsync(StatusCode.PermissionDenied, () => RotateAsync(silo, admin));
        await RotateAsync(silo, silo.AdminKey);
        ListEntriesResponse entries = await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
            "ListEntries",
            new ListEntriesRequest { Filter = new SpendFilter { Kinds = { EventKind.SigningKeyRotated } } });
        Assert.Equal("yearly", Assert.Single(entries.Entries).SigningKeyRotated.Reason);
    }

    [Fact]
    public async Task No_secret_leaves_by_a_log_an_error_a_metric_a_route_or_an_export()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        List<string> secrets = [silo.AdminKey, MetricsKeyOf(silo)];
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
        foreach (string path in GetRoutesOf(silo))
        {
            using HttpRequestMessage export = new(HttpMethod.Get, $"http://{silo.Host.Http}{path}?all=true");
            export.Headers.Authorization = new("Bearer", silo.AdminKey);
            using HttpResponseMessage exported = await silo.Http.SendAsync(export);
            said.AppendLine(await exported.Content.ReadAsStringAsync());
        }

        said.AppendLine(silo.LogText);
        Assert.Contains("credentialCreated", said.ToString(), StringComparison.Ordinal);
        Assert.Contains("agentbudget_rpc_calls_total{", said.ToString(), StringComparison.Ordinal);
        foreach (string secret in secrets)
        {
            string random = secret[(secret.LastIndexOf('.') + 1)..];
            Assert.DoesNotContain(random, said.ToString(), StringComparison.Ordinal);
        }
    }

    private static IEnumerable<string> GetRoutesOf(TestSilo silo) => silo.Host.Served.OfType<RouteEndpoint>()
        .Where(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods[0] == "GET"
            && endpoint.RoutePattern.Parameters.Count == 0
            && endpoint.RoutePattern.RawText != "/v1/spend:watch") // It has no end.
        .Select(endpoint => endpoint.RoutePattern.RawText!);

    private static string MetricsKeyOf(TestSilo silo) =>
        File.ReadAllText(Path.Combine(silo.DataFolder, "metrics.key")).Trim();

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
}
