using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Silo.Tests.Support;

namespace AgentBudget.Gateway.Tests;

/// <summary>What a gateway's process serves beside calls: TLS, metrics, and whether it is ready.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed partial class GatewayEdgeTests(SharedGateway shared) : IDisposable
{
    private const string Call = """{"model":"m","max_tokens":50,"messages":[{"role":"user","content":"Hello."}]}""";

    private readonly TestGateway _gateway = shared.Gateway;
    private readonly TestCertificates _certificates = new();

    [Fact]
    public async Task Over_TLS_it_serves_callers_whose_certificate_leads_to_its_authorities()
    {
        await using GatewayProcess process = new();
        _certificates.WriteTo(Path.Combine(process.Folder, "tls"));
        await StartAsync(process, ", " + TlsOf("required"));
        Uri address = await TlsAddressAsync(process);
        string token = await _gateway.OpenAsync();
        using TestCertificates others = new();

        using (HttpClient known = Client(_certificates.Client))
        using (HttpResponseMessage answer = await PostAsync(known, address, token))
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        foreach (X509Certificate2? certificate in (X509Certificate2?[])[null, others.Client, _certificates.Server])
        {
            using HttpClient refused = Client(certificate);
            await Assert.ThrowsAsync<HttpRequestException>(() => PostAsync(refused, address, token));
        }

        Assert.True(await _gateway.SettledAsync(token) > 0);
    }

    [Fact]
    public async Task Where_certificates_are_optional_the_key_alone_will_do_but_a_strangers_will_not()
    {
        await using GatewayProcess process = new();
        _certificates.WriteTo(Path.Combine(process.Folder, "tls"));
        await StartAsync(process, ", " + TlsOf("optional"));
        Uri address = await TlsAddressAsync(process);
        using TestCertificates others = new();
        using HttpClient nobody = Client(certificate: null), stranger = Client(others.Client);

        using HttpResponseMessage answer = await PostAsync(nobody, address, await _gateway.OpenAsync());

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await Assert.ThrowsAsync<HttpRequestException>(() => PostAsync(stranger, address, "x"));
    }

    [Fact]
    public async Task Metrics_are_for_their_key_alone_and_are_those_of_the_document()
    {
        await using GatewayProcess process = new();
        Uri address = await StartAsync(process, """, "metricsKeyFile": "metrics.key" """);
        string file = Path.Combine(process.Folder, "metrics.key");
        string key = (await File.ReadAllTextAsync(file)).Trim(), token = await _gateway.OpenAsync();
        using (HttpResponseMessage answer = await PostAsync(_gateway.Http, address, token))
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using (HttpResponseMessage refused = await PostAsync(_gateway.Http, address, "x"))
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        string wrong = key[..^2] + (key[^2] == 'A' ? 'B' : 'A') + key[^1];
        foreach (string? bearer in (string?[])[null, "", "abm_", wrong, token, $"{key}x"])
        {
            using HttpResponseMessage nothing = await MetricsAsync(address, bearer);
            Assert.Equal(HttpStatusCode.Unauthorized, nothing.StatusCode);
            Assert.DoesNotContain("# TYPE", await nothing.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        using HttpResponseMessage told = await MetricsAsync(address, key);
        string text = await told.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.OK, told.StatusCode);
        Assert.True(told.Headers.CacheControl!.NoStore);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(file).UnixFileMode);
        Assert.StartsWith("abm_", key, StringComparison.Ordinal);
        Assert.Contains("""agentbudget_gateway_calls_total{gen_ai_operation_name="anthropic.messages",""", text,
            StringComparison.Ordinal);
        string[] documented = [.. Documented()];
        string[] served =
        [
            .. Family().Matches(text).Select(family => $"{family.Groups[1].Value} {family.Groups[2].Value}")
                .Where(family => !family.StartsWith("kestrel_", StringComparison.Ordinal)),
        ];
        Assert.All(served, family => Assert.Contains(family, documented));
        // The client's are there once it had something to count.
        Assert.All(
            documented.Where(family => !family.StartsWith("agentbudget_client_", StringComparison.Ordinal)),
            family => Assert.Contains(family, served));
        foreach (string word in (string[])["acme", "writer", "promo", "sessions/", "Hello", "eyJ", "abg_", "abm_"])
            Assert.DoesNotContain(word, text, StringComparison.Ordinal);
        Assert.DoesNotContain(key, process.Output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, (await PostAsync(_gateway.Http, address, key)).StatusCode);
    }

    [Fact]
    public async Task Without_a_key_for_them_there_are_no_metrics()
    {
        await using GatewayProcess process = new();
        Uri address = await StartAsync(process, "");

        using HttpResponseMessage nothing = await MetricsAsync(address, "abm_");

        Assert.Equal(HttpStatusCode.NotFound, nothing.StatusCode);
    }

    [Fact]
    public async Task It_is_ready_where_its_silo_can_be_asked_and_alive_without_it()
    {
        await using GatewayProcess ready = new(), alone = new();
        Uri address = await StartAsync(ready, "");
        alone.Write("key", "abg_acme.c1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        Uri lonely = await alone.StartAsync(
            "--credential-file", "key", "--server", "http://127.0.0.1:1", "--gateway", "127.0.0.1:0");

        using HttpResponseMessage yes = await _gateway.Http.GetAsync(new Uri(address, "readyz"));
        using HttpResponseMessage no = await _gateway.Http.GetAsync(new Uri(lonely, "readyz"));

        Assert.Equal((HttpStatusCode.OK, "ready\n"), (yes.StatusCode, await yes.Content.ReadAsStringAsync()));
        Assert.Equal(
            (HttpStatusCode.ServiceUnavailable, "not ready\n"),
            (no.StatusCode, await no.Content.ReadAsStringAsync()));
        Assert.Equal("ok\n", await _gateway.Http.GetStringAsync(new Uri(lonely, "healthz")));
    }

    [Theory]
    [InlineData("\"tls\":{\"certificate\":\"gateway.key\"}", "tls:endPoint must say where TLS is served")]
    [InlineData("\"tls\":{\"endPoint\":\"127.0.0.1:0\"}", "tls:certificate must name a file in PEM")]
    [InlineData("\"tls\":{\"endPoint\":\"here\",\"certificate\":\"gateway.key\",\"key\":\"gateway.key\"}", "tls:endPoint must be HOST:PORT")]
    [InlineData("\"tls\":{\"endPoint\":\"127.0.0.1:0\",\"certificate\":\"gateway.key\",\"key\":\"gateway.key\"}", "The files of TLS")]
    [InlineData("\"tls\":{\"endPoint\":\"127.0.0.1:0\",\"certificate\":\"no.crt\",\"key\":\"gateway.key\"}", "no.crt does not exist")]
    [InlineData("\"tls\":{\"authority\":\"x\"}", "line 2: tls:authority is not a key")]
    [InlineData("\"tls\":\"on\"", "tls holds keys of its own")]
    [InlineData("\"metricsKeyFile\":\"gateway.key\"", "metricsKeyFile gateway.key cannot be used")]
    [InlineData("\"metricsKeyFile\":\"no/folder/key\"", "metricsKeyFile no/folder/key cannot be used")]
    public async Task What_is_wrong_with_either_ends_the_start_with_a_sentence(string settings, string named)
    {
        await using GatewayProcess process = new();
        process.Write("gateway.key", "abg_acme.c1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        string file = process.Write("gateway.json", $$"""
            { "credentialFile": "gateway.key", "gateway": { "listen": "127.0.0.1:0" },
              {{settings}} }
            """);

        process.Launch("--config", file, "--server", _gateway.Silo.GrpcAddress.ToString());

        Assert.Equal(64, await process.ExitCodeAsync());
        Assert.Contains(named, process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("abg_", process.Output, StringComparison.Ordinal);
    }

    public void Dispose() => _certificates.Dispose();

    private static string TlsOf(string clients) => $$"""
        "tls": { "endPoint": "127.0.0.1:0", "certificate": "tls/silo.crt", "key": "tls/silo.key",
          "clients": "{{clients}}", "clientCa": "tls/clients.crt" }
        """;

    private async Task<Uri> StartAsync(GatewayProcess process, string more)
    {
        process.Write("gateway.key", await _gateway.GatewayCredentialAsync());
        return await process.StartAsync("--config", process.Write("gateway.json", $$"""
            { "server": "{{_gateway.Silo.GrpcAddress}}", "credentialFile": "gateway.key",
              "gateway": { "listen": "127.0.0.1:0" }{{more}} }
            """));
    }

    private static async Task<Uri> TlsAddressAsync(GatewayProcess process)
    {
        await process.SaysAsync("  silo "); // The line after it.
        return new Uri(Https().Match(process.Output).Groups[1].Value);
    }

    private HttpClient Client(X509Certificate2? certificate) => new(new SocketsHttpHandler
    {
        SslOptions = new SslClientAuthenticationOptions
        {
            ClientCertificates = certificate is null ? [] : [certificate],
            LocalCertificateSelectionCallback = certificate is null ? null : (_, _, _, _, _) => certificate,
            RemoteCertificateValidationCallback = (_, shown, _, _) =>
                shown!.GetCertHashString() == _certificates.Server.GetCertHashString(),
        },
    });

    private static Task<HttpResponseMessage> PostAsync(HttpClient http, Uri address, string key) =>
        http.SendAsync(new HttpRequestMessage(HttpMethod.Post, new Uri(address, "u/promo/v1/messages"))
        {
            Headers = { { "x-api-key", key } },
            Content = new StringContent(Call),
        });

    private Task<HttpResponseMessage> MetricsAsync(Uri address, string? bearer) =>
        _gateway.Http.SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(address, "metrics"))
        {
            Headers = { Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer) },
        });

    // The rows of the table: "| `name` | type |".
    private static IEnumerable<string> Documented() =>
        Row().Matches(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "docs", "gateway.md")))
            .Select(row => $"{row.Groups[1].Value} {row.Groups[2].Value}");

    [GeneratedRegex(@"at (https://\S+)\r?\n")]
    private static partial Regex Https();

    [GeneratedRegex(@"^# TYPE (\S+) (\S+)$", RegexOptions.Multiline)]
    private static partial Regex Family();

    [GeneratedRegex(@"^\| `([a-z_]+)` \| (counter|gauge|histogram) \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
