using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Tests.Support;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using static AgentBudget.Silo.Tests.Identity;

namespace AgentBudget.Silo.Tests;

/// <summary>Notices through the whole silo: endpoints over the public API, webhooks over real connections.</summary>
public sealed class NotificationTests
{
    private static readonly Dictionary<string, string?> Private = new() { ["notifications:allowPrivate"] = "true" };

    private static readonly string Tight = Identity.Catalog.Replace(
        "{ id: promo, businessUnit: marketing, budget: { limit: 100, period: none } }",
        "{ id: promo, businessUnit: marketing, budget: { limit: 0.001, period: month, "
        + "tiers: [{ at: 100, action: refuse }] } }",
        StringComparison.Ordinal);

    [Fact]
    public async Task From_a_refused_call_to_its_granted_retry_finance_hears_of_every_step()
    {
        await using WebhookReceiver receiver = await WebhookReceiver.StartAsync();
        await using TestSilo silo = await TestSilo.StartAsync(Tight, Private);
        string agent = await silo.SecretAsync(Role.Agent, "agents/writer");
        string finance = await silo.SecretAsync(Role.Finance, "desk");
        CreateEndpointResponse made = await CreateAsync(silo, receiver.Url, finance);
        OpenSessionResponse opened = await silo.OpenAsync(agent, "agents/writer");
        await silo.SpendAsync(agent, opened.SessionToken);
        ReserveTokensResponse denied = await silo.SpendAsync(agent, opened.SessionToken);
        Assert.Equal(Decision.Deny, denied.Decision);

        Webhook exhausted = await receiver.NextAsync();
        RequestExtensionResponse asked = await silo.CallAsync<RequestExtensionRequest, RequestExtensionResponse>(
            "RequestExtension",
            new RequestExtensionRequest
            {
                RequestId = NextId(),
                SessionToken = opened.SessionToken,
                Grain = denied.Denial.Grain,
                Amount = new Money { CurrencyCode = "USD", Units = 1 },
                Reason = "quotes are due",
            },
            opened.SessionToken);
        Webhook requested = await receiver.NextAsync();
        string request = (string)requested.Event["data"]!["extensionRequest"]!;
        Assert.Equal(asked.ExtensionRequest.ExtensionRequest_, request);
        await silo.CallAsync<DecideExtensionRequest, DecideExtensionResponse>(
            "DecideExtension",
            new DecideExtensionRequest
            {
                RequestId = NextId(),
                ExtensionRequest = request,
                Decision = ExtensionState.Approved,
                Reason = "worth it",
            },
            finance);
        Webhook decided = await receiver.NextAsync();
        ReserveTokensResponse granted = await silo.SpendAsync(agent, opened.SessionToken);

        Assert.Equal(Decision.Allow, granted.Decision);
        Assert.Equal(
            [
                ("dev.agentbudget.budget.exhausted", "useCases/promo"),
                ("dev.agentbudget.extension.requested", request),
                ("dev.agentbudget.extension.decided", request),
            ],
            new[] { exhausted, requested, decided }.Select(told => (told.Type, (string)told.Event["subject"]!)));
        Assert.Equal("EXTENSION_STATE_APPROVED", (string)decided.Event["data"]!["decision"]!);
        Assert.Equal("1", (string)decided.Event["data"]!["amount"]!["units"]!);
        Assert.All(new[] { exhausted, requested, decided }, told => AssertSigned(told, made.Secret));
        VerifyLedgerResponse verified = await silo.CallAsync<VerifyLedgerRequest, VerifyLedgerResponse>(
            "VerifyLedger", new VerifyLedgerRequest());
        Assert.True(verified.Clean);
    }

    [Fact]
    public async Task An_endpoint_is_made_listed_changed_and_removed_and_its_secret_shown_once()
    {
        await using WebhookReceiver receiver = await WebhookReceiver.StartAsync();
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, Private);
        string url = receiver.Url + "?key=very-secret";
        CreateEndpointRequest create = new() { RequestId = NextId(), Kind = EndpointKind.Webhook, Url = url };
        CreateEndpointResponse made = await silo.CallAsync<CreateEndpointRequest, CreateEndpointResponse>(
            "CreateEndpoint", create);
        CreateEndpointResponse again = await silo.CallAsync<CreateEndpointRequest, CreateEndpointResponse>(
            "CreateEndpoint", create);
        CreateEndpointRequest elsewhere = create.Clone();
        elsewhere.Url = receiver.Url + "?key=another";
        RpcException reused = await Assert.ThrowsAsync<RpcException>(() =>
            silo.CallAsync<CreateEndpointRequest, CreateEndpointResponse>("CreateEndpoint", elsewhere));
        Assert.Equal(StatusCode.AlreadyExists, reused.StatusCode);
        RotateEndpointSecretRequest rotate =
            new() { RequestId = NextId(), Endpoint = made.Endpoint.Endpoint, Reason = "yearly" };
        RotateEndpointSecretResponse rotated =
            await silo.CallAsync<RotateEndpointSecretRequest, RotateEndpointSecretResponse>(
                "RotateEndpointSecret", rotate);
        RotateEndpointSecretResponse rotatedAgain =
            await silo.CallAsync<RotateEndpointSecretRequest, RotateEndpointSecretResponse>(
                "RotateEndpointSecret", rotate);
        SendTestNoticeResponse test = await silo.CallAsync<SendTestNoticeRequest, SendTestNoticeResponse>(
            "SendTestNotice",
            new SendTestNoticeRequest { RequestId = NextId(), Endpoint = made.Endpoint.Endpoint });
        Webhook told = await receiver.NextAsync();

        Assert.StartsWith("whsec_", made.Secret, StringComparison.Ordinal);
        Assert.Equal((made.Endpoint.Endpoint, ""), (again.Endpoint.Endpoint, again.Secret));
        Assert.NotEqual(made.Secret, rotated.Secret);
        Assert.Equal("", rotatedAgain.Secret);
        Assert.NotNull(rotated.Endpoint.FormerSecretEndTime);
        Assert.Equal((test.Delivery, "dev.agentbudget.test"), (told.Id, told.Type));
        AssertSigned(told, made.Secret);
        AssertSigned(told, rotated.Secret);
        ListEndpointsResponse listed = await silo.CallAsync<ListEndpointsRequest, ListEndpointsResponse>(
            "ListEndpoints", new ListEndpointsRequest());
        Assert.Equal(receiver.Url[..^"/hook".Length], Assert.Single(listed.Endpoints).Target);

        DeleteEndpointRequest delete =
            new() { RequestId = NextId(), Endpoint = made.Endpoint.Endpoint, Reason = "unused" };
        for (int time = 0; time < 2; time++)
        {
            await silo.CallAsync<DeleteEndpointRequest, DeleteEndpointResponse>("DeleteEndpoint", delete);
        }

        listed = await silo.CallAsync<ListEndpointsRequest, ListEndpointsResponse>(
            "ListEndpoints", new ListEndpointsRequest());
        Assert.Empty(listed.Endpoints);
        // Neither where it leads to in full nor what signs is anywhere but in the sealed record.
        Assert.DoesNotContain("very-secret", await AuditAsync(silo), StringComparison.Ordinal);
        Assert.DoesNotContain("very-secret", silo.LogText, StringComparison.Ordinal);
        Assert.DoesNotContain(made.Secret["whsec_".Length..], silo.LogText, StringComparison.Ordinal);
        foreach (string file in Directory.EnumerateFiles(Path.Combine(silo.DataFolder, "notices")))
        {
            string bytes = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file));
            Assert.DoesNotContain("very-secret", bytes, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"kind":"ENDPOINT_KIND_WEBHOOK","url":"http://hooks.acme.test/x"}""", "https://")]
    [InlineData("""{"kind":"ENDPOINT_KIND_WEBHOOK","url":"https://169.254.169.254/latest"}""", "public address")]
    [InlineData("""{"kind":"ENDPOINT_KIND_SLACK"}""", "url")]
    [InlineData("""{"url":"https://hooks.acme.test/x"}""", "kind")]
    [InlineData("""{"kind":"ENDPOINT_KIND_EMAIL","recipients":["kim@acme.test"]}""", "notifications:smtp")]
    [InlineData("""{"kind":"ENDPOINT_KIND_EMAIL","recipients":["Kim <kim@acme.test>"]}""", "addresses such as")]
    [InlineData("""{"kind":"ENDPOINT_KIND_SLACK","url":"https://h.test","recipients":["a@b.test"]}""", "recipients")]
    [InlineData("""{"kind":"ENDPOINT_KIND_SLACK","url":"https://h.test","filter":{"grains":["promo"]}}""", "filter.grains")]
    public async Task A_wrong_endpoint_is_refused_by_its_field_and_nothing_is_made(string json, string says)
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        JsonObject request = JsonNode.Parse(json)!.AsObject();
        request["requestId"] = "e1";
        (HttpStatusCode status, JsonNode answer) = await silo.PostAsync("CreateEndpoint", request, silo.AdminKey);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(says, answer.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("notificationsChanged", await AuditAsync(silo), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_lost_when_the_silo_is_killed_while_its_receiver_refuses()
    {
        await using WebhookReceiver receiver = await WebhookReceiver.StartAsync();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("agentbudget-notices-");
        string catalog = Path.Combine(folder.FullName, "catalog.yaml");
        await File.WriteAllTextAsync(catalog, Identity.Catalog);
        receiver.Status = StatusCodes.Status500InternalServerError;
        List<string> expected = [];
        for (int kill = 0; kill < 3; kill++)
        {
            await using KilledSilo silo = await KilledSilo.StartAsync(folder.FullName, catalog);
            if (kill == 0)
            {
                await silo.PostAsync(
                    "/v1/notification-endpoints",
                    new JsonObject { ["kind"] = "ENDPOINT_KIND_WEBHOOK", ["url"] = receiver.Url });
            }

            foreach (string act in (string[])["suspend", "resume"])
            {
                JsonNode changed = await silo.PostAsync(
                    $"/v1/agents/writer:{act}", new JsonObject { ["reason"] = $"{act} {kill}" });
                Assert.NotNull(changed);
            }

            expected.Add($"suspend {kill}");
            expected.Add($"resume {kill}");
            await receiver.NextAsync();
        }

        receiver.Status = StatusCodes.Status204NoContent;
        await using KilledSilo last = await KilledSilo.StartAsync(folder.FullName, catalog);
        // It may have been sent again by itself already.
        if (await last.TriedAsync() is { } tried)
        {
            await last.PostAsync(
                "/v1/deliveries:replay",
                new JsonObject { ["endpoint"] = await last.EndpointAsync(), ["delivery"] = tried });
        }

        Dictionary<string, string> told = [];
        List<string> order = [];
        while (told.Count < expected.Count)
        {
            Webhook webhook = await receiver.NextAsync();
            string reason = (string)webhook.Event["data"]!["reason"]!;
            if (told.TryAdd(reason, webhook.Id)) order.Add(reason);
            Assert.Equal(told[reason], webhook.Id);
        }

        Assert.Equal(expected.Order(), told.Keys.Order());
        Assert.Equal(expected, order);
        folder.Delete(recursive: true);
    }

    private static async Task<CreateEndpointResponse> CreateAsync(TestSilo silo, string url, string bearer) =>
        await silo.CallAsync<CreateEndpointRequest, CreateEndpointResponse>(
            "CreateEndpoint",
            new CreateEndpointRequest
            {
                RequestId = NextId(),
                Kind = EndpointKind.Webhook,
                Url = url,
                Filter = new NoticeFilter
                {
                    Kinds =
                    {
                        NoticeKind.BudgetExhausted, NoticeKind.ExtensionRequested, NoticeKind.ExtensionDecided,
                    },
                    Grains = { "businessUnits/marketing" },
                },
            },
            bearer);

    private static void AssertSigned(Webhook told, string secret)
    {
        byte[] key = Convert.FromBase64String(secret["whsec_".Length..]);
        byte[] signed = Encoding.UTF8.GetBytes($"{told.Id}.{told.Headers["webhook-timestamp"]}.{told.Body}");
        string signature = "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed));
        Assert.Contains(signature, told.Headers["webhook-signature"].Split(' '));
    }

    private static async Task<string> AuditAsync(TestSilo silo)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, $"http://{silo.Host.Http}/audit.jsonl");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", silo.AdminKey);
        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        return await response.Content.ReadAsStringAsync();
    }

    /// <summary>A silo in a process of its own, which is killed with no time to write anything.</summary>
    private sealed class KilledSilo : IAsyncDisposable
    {
        private readonly HttpClient _http = new();
        private readonly Process _process;

        private KilledSilo(Process process) => _process = process;

        public static async Task<KilledSilo> StartAsync(string folder, string catalog)
        {
            ProcessStartInfo start = new("dotnet") { RedirectStandardOutput = true, WorkingDirectory = folder };
            string[] arguments =
            [
                Path.Combine(AppContext.BaseDirectory, "AgentBudget.Silo.dll"), "--http", "127.0.0.1:0", "--grpc",
                "127.0.0.1:0", "--catalog", catalog, "--dashboard", "off", "--notices-allow-private",
            ];
            foreach (string argument in arguments) start.ArgumentList.Add(argument);
            KilledSilo silo = new(Process.Start(start)!);
            string first = (await silo._process.StandardOutput.ReadLineAsync().WaitAsync(TestSilo.Patience))!;
            string origin = first[first.IndexOf("http://", StringComparison.Ordinal)..].Split(' ', ',')[0];
            silo._http.BaseAddress = new Uri(origin.TrimEnd('.'));
            string key = await File.ReadAllTextAsync(Path.Combine(folder, "data", "admin.key"));
            silo._http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key.Trim());
            return silo;
        }

        public async Task<JsonNode> PostAsync(string path, JsonObject body)
        {
            body["requestId"] = NextId();
            using HttpResponseMessage response =
                await _http.PostAsJsonAsync(path, body).WaitAsync(TestSilo.Patience);
            string text = await response.Content.ReadAsStringAsync();
            Assert.True(response.IsSuccessStatusCode, $"{path}: {text}");
            return JsonNode.Parse(text)!;
        }

        public async Task<string> EndpointAsync()
        {
            string text = await _http.GetStringAsync("/v1/notification-endpoints").WaitAsync(TestSilo.Patience);
            return (string)JsonNode.Parse(text)!["endpoints"]![0]!["endpoint"]!;
        }

        /// <summary>The delivery that was tried and waits for its next attempt; null for none.</summary>
        public async Task<string?> TriedAsync()
        {
            string text = await _http.GetStringAsync("/v1/deliveries?state=DELIVERY_STATE_WAITING")
                .WaitAsync(TestSilo.Patience);
            return (string?)JsonNode.Parse(text)!["deliveries"]?.AsArray()
                .FirstOrDefault(delivery => delivery!["attempts"] is not null)?["delivery"];
        }

        public async ValueTask DisposeAsync()
        {
            _process.Kill();
            await _process.WaitForExitAsync().WaitAsync(TestSilo.Patience);
            _process.Dispose();
            _http.Dispose();
        }
    }
}
