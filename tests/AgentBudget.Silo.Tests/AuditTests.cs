using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>Whatever somebody administers is a line of the audit: who, with which credential, and why.</summary>
public sealed class AuditTests
{
    // What spends or reads: everything else is an act.
    private static readonly string[] Others =
    [
        "ReserveTokens", "CommitTokens", "ReleaseTokens", "AmendReservation", "RecordCost", "Spend", "AuthorizeTool",
        "WatchSession", "WatchSpend", "VerifyLedger", "ExportFocus", "WatchExtensionRequest",
    ];

    // Each act in the order in which it is done, the event that records it, and what it asks for beside its key.
    private static readonly (string Method, string Fact, string Request)[] Acts =
    [
        ("OpenSession", "sessionOpened",
            """{"agent":"agents/writer","useCase":"useCases/promo","unattended":true}"""),
        ("RenewSession", "sessionRenewed", """{"session":"$session","ttl":"600s"}"""),
        ("SuspendSession", "sessionSuspended", """{"session":"$session","reason":"why"}"""),
        ("ResumeSession", "sessionResumed", """{"session":"$session","reason":"why"}"""),
        ("ResetBreaker", "breakerReset", """{"grain":"$session","reason":"why"}"""),
        ("RevokeSession", "sessionEnded", """{"session":"$session","reason":"why"}"""),
        ("ExtendBudget", "budgetExtended",
            """{"grain":"useCases/promo","amount":{"currencyCode":"USD","units":"5"},"reason":"why"}"""),
        ("RequestExtension", "extensionRequested",
            """{"grain":"useCases/promo","amount":{"currencyCode":"USD","units":"5"},"reason":"why"}"""),
        ("DecideExtension", "extensionDecided",
            """{"extensionRequest":"$asked","decision":"EXTENSION_STATE_APPROVED","reason":"why"}"""),
        ("AdjustSpend", "spendAdjusted",
            """{"grain":"useCases/promo","amount":{"currencyCode":"USD","units":"5"},"reason":"why"}"""),
        ("ResetBudget", "budgetReset", """{"grain":"useCases/promo","reason":"why"}"""),
        ("RerateSpend", "spendAdjusted",
            """
            {"startTime":"2026-01-01T00:00:00Z","endTime":"2026-01-02T00:00:00Z","priceVersion":"1","apply":true,
            "reason":"why"}
            """),
        ("CreateCredential", "credentialCreated", """{"principal":"edge","role":"ROLE_GATEWAY"}"""),
        ("RevokeCredential", "credentialRevoked", """{"credential":"$credential","reason":"why"}"""),
        ("SuspendAgent", "agentSuspended", """{"agent":"agents/sibling","reason":"why"}"""),
        ("ResumeAgent", "agentResumed", """{"agent":"agents/sibling","reason":"why"}"""),
        ("DecommissionAgent", "agentDecommissioned", """{"agent":"agents/sibling","reason":"why"}"""),
        ("ApplyCatalog", "catalogApplied", """{"document":"$document"}"""),
        ("PatchCatalog", "catalogPatched", """{"document":"tags: { team: {} }"}"""),
        ("CreateEndpoint", "notificationsChanged",
            """
            {"kind":"ENDPOINT_KIND_WEBHOOK","url":"https://hooks.acme.invalid/budget",
            "filter":{"kinds":["NOTICE_KIND_TEST"]}}
            """),
        ("UpdateEndpoint", "notificationsChanged",
            """{"endpoint":"$endpoint","filter":{"kinds":["NOTICE_KIND_TEST"]},"disabled":true,"reason":"why"}"""),
        ("RotateEndpointSecret", "notificationsChanged", """{"endpoint":"$endpoint","reason":"why"}"""),
        ("SendTestNotice", "notificationsChanged", """{"endpoint":"$endpoint"}"""),
        ("ReplayDelivery", "notificationsChanged", """{"endpoint":"$endpoint"}"""),
        ("DeleteEndpoint", "notificationsChanged", """{"endpoint":"$endpoint","reason":"why"}"""),
    ];

    [Fact]
    public void Every_method_is_an_act_here_or_known_to_be_none()
    {
        string[] acts =
            [.. Acts.Select(act => act.Method), "EndSession", "RotateSigningKey", "DecideDispute", "RevokeSessions"];
        Assert.Equal(
            Api.ApiServices.Descriptors.SelectMany(service => service.Methods).Select(method => method.Name)
                .Where(name => !name.StartsWith("Get", StringComparison.Ordinal)
                    && !name.StartsWith("List", StringComparison.Ordinal))
                .Except(Others).Order(),
            acts.Order());
    }

    [Fact]
    public async Task Every_administrative_act_is_a_line_of_the_audit_with_who_did_it_and_why()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse root = await silo.CreateAsync(Role.Admin, "root");
        string actor = $"root {root.Credential.Credential_}";
        Dictionary<string, string> names = new() { ["$document"] = Identity.Catalog.Replace("100", "101") };
        List<JsonNode> expected = [];
        foreach ((string method, string fact, string template) in Acts)
        {
            string text = names.Aggregate(
                template,
                (request, name) => request.Replace(
                    $"\"{name.Key}\"", JsonValue.Create(name.Value).ToJsonString(), StringComparison.Ordinal));
            JsonObject request = JsonNode.Parse(text)!.AsObject();
            request["requestId"] = NextId();
            (System.Net.HttpStatusCode status, JsonNode answer) = await silo.PostAsync(method, request, root.Secret);
            Assert.True(status == System.Net.HttpStatusCode.OK, $"{method}: {answer}");
            names["$session"] = (string?)answer["session"]?["session"] ?? names.GetValueOrDefault("$session", "");
            if (method == "RequestExtension")
                names["$asked"] = (string)answer["extensionRequest"]!["extensionRequest"]!;
            if (method == "CreateEndpoint")
                names["$endpoint"] = (string)answer["endpoint"]!["endpoint"]!;
            if (method == "CreateCredential")
                names["$credential"] = (string)answer["credential"]!["credential"]!;
            JsonNode line = (await LinesAsync(silo, root.Secret))[^1];
            Assert.True(line[fact] is not null, $"{method} is not the last line, that is {line}");
            Assert.Equal((method, actor), (method, (string)line["actor"]!));
            if (request["reason"] is not null && fact != "sessionEnded")
                Assert.Equal((method, "why"), (method, (string)line[fact]!["reason"]!));
            expected.Add(line);
        }

        JsonNode extended = expected.Single(line => line["budgetExtended"] is not null)["budgetExtended"]!;
        Assert.Equal("100", (string)extended["before"]!["limit"]!["units"]!);
        Assert.Equal("105", (string)extended["after"]!["limit"]!["units"]!);
        JsonNode revoked = expected.Single(line => line["sessionEnded"] is not null);
        Assert.Equal("why", (string)revoked["sessionEnded"]!["session"]!["reason"]!);
        JsonNode applied = expected.Single(line => line["catalogApplied"] is not null);
        Assert.Contains("useCases/promo", applied["catalogApplied"]!["changes"]!.ToJsonString());
    }

    [Fact]
    public async Task What_is_left_is_a_line_too_a_changed_key_a_revoked_token_and_an_owners_end_of_a_session()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse agent = await silo.CreateAsync(Role.Agent, "agents/writer");
        OpenSessionResponse opened = await silo.OpenAsync(agent.Secret, "agents/writer");
        await silo.CallAsync<EndSessionRequest, EndSessionResponse>(
            "EndSession",
            new EndSessionRequest { RequestId = NextId(), SessionToken = opened.SessionToken },
            agent.Secret);
        string held = await PostFormAsync(silo, agent, "token", "grant_type=client_credentials");
        string token = (string)JsonNode.Parse(held)!["access_token"]!;
        await PostFormAsync(silo, agent, "revoke", $"token={token}");
        await silo.CallAsync<RotateSigningKeyRequest, RotateSigningKeyResponse>(
            "RotateSigningKey", new RotateSigningKeyRequest { RequestId = NextId(), Reason = "yearly" });

        JsonNode[] lines = await LinesAsync(silo, silo.AdminKey);
        string by = $"agents/writer {agent.Credential.Credential_}";
        Assert.Equal([by], ActorsOf(lines, "sessionOpened"));
        Assert.Equal([by], ActorsOf(lines, "sessionEnded"));
        Assert.Equal([by], ActorsOf(lines, "accessTokenRevoked"));
        Assert.Equal(["admin"], ActorsOf(lines, "signingKeyRotated"));
        Assert.DoesNotContain(lines, line => line["sessionClosed"] is not null);
    }

    private static IEnumerable<string> ActorsOf(JsonNode[] lines, string fact) =>
        lines.Where(line => line[fact] is not null).Select(line => (string)line["actor"]!);

    private static async Task<JsonNode[]> LinesAsync(TestSilo silo, string bearer)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, $"http://{silo.Host.Http}/audit.jsonl");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        string text = await response.Content.ReadAsStringAsync();
        return [.. text.TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)!)];
    }

    private static async Task<string> PostFormAsync(
        TestSilo silo, CreateCredentialResponse client, string endpoint, string form)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"http://{silo.Host.Http}/oauth2/{endpoint}");
        byte[] pair = Encoding.ASCII.GetBytes($"{client.Credential.KeyId}:{client.Secret}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(pair));
        request.Content = new StringContent(form, Encoding.ASCII, "application/x-www-form-urlencoded");
        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        return await response.Content.ReadAsStringAsync();
    }
}
