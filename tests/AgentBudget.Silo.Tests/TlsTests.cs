using System.Net;
using System.Security.Cryptography.X509Certificates;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Options;
using AgentBudget.Silo.Tests.Support;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Configuration;

namespace AgentBudget.Silo.Tests;

public sealed class TlsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-tls-");
    private readonly TestCertificates _certificates = new();

    [Fact]
    public async Task The_tls_file_serves_callers_whose_certificate_leads_to_its_authorities()
    {
        await using TestSilo silo = await TestSilo.StartAsync(more: TlsFile());
        using GrpcChannel known = Channel(silo, _certificates.Client);
        using TestCertificates others = new();

        GetBalanceResponse balance = await CallAsync(silo, known);
        using GrpcChannel nobody = Channel(silo, client: null);
        using GrpcChannel stranger = Channel(silo, others.Client);
        using GrpcChannel server = Channel(silo, _certificates.Server);

        Assert.Equal("tenants/acme", Assert.Single(balance.Grains).Grain);
        foreach (GrpcChannel refused in (GrpcChannel[])[nobody, stranger, server])
        {
            RpcException fault = await Assert.ThrowsAsync<RpcException>(() => CallAsync(silo, refused));
            // The server cuts the connection, in the client's handshake or just after: it has a name for each.
            Assert.Contains(fault.StatusCode, new[] { StatusCode.Unavailable, StatusCode.Internal });
        }
    }

    [Fact]
    public async Task Where_certificates_are_optional_the_bearer_alone_will_do_but_a_strangers_will_not()
    {
        Dictionary<string, string?> options = TlsFile();
        options["tls:clients"] = "optional";
        await using TestSilo silo = await TestSilo.StartAsync(more: options);
        using TestCertificates others = new();
        using GrpcChannel nobody = Channel(silo, client: null);
        using GrpcChannel stranger = Channel(silo, others.Client);

        Assert.Single((await CallAsync(silo, nobody)).Grains);
        await Assert.ThrowsAsync<RpcException>(() => CallAsync(silo, stranger));
    }

    [Fact]
    public async Task The_same_port_serves_health_checks_and_browsers_over_http_1()
    {
        Dictionary<string, string?> options = TlsFile();
        options.Remove("tls:clients");
        options.Remove("tls:clientCa");
        await using TestSilo silo = await TestSilo.StartAsync(more: options);
        using HttpClient http = new(new SocketsHttpHandler
        {
            SslOptions =
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                    CustomTrustStore = { _certificates.Authority },
                },
            },
        });

        Assert.Equal("ready\n", await http.GetStringAsync(new Uri($"https://{silo.Host.Tls}/readyz")));
        using HttpRequestMessage preflight = new(
            HttpMethod.Options, $"https://{silo.Host.Tls}/agentbudget.v1.BudgetService/ReserveTokens");
        preflight.Headers.Add("Origin", "https://budget.example.com");
        preflight.Headers.Add("Access-Control-Request-Method", "POST");
        using HttpResponseMessage allowed = await http.SendAsync(preflight);
        Assert.Equal(HttpStatusCode.NoContent, allowed.StatusCode);
        Assert.Equal(["https://budget.example.com"], allowed.Headers.GetValues("access-control-allow-origin"));
    }

    [Theory]
    [InlineData("silo.key", "not a key", "cannot be used")]
    [InlineData("silo.crt", "", "cannot be used")]
    [InlineData("clients.crt", "", "holds no certificate")]
    public async Task A_file_that_is_no_certificate_stops_the_start(string file, string text, string sentence)
    {
        Dictionary<string, string?> options = TlsFile();
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, file), text);

        OptionsException fault = await Assert.ThrowsAsync<OptionsException>(
            () => TestSilo.StartAsync(more: options));

        Assert.Contains(sentence, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("not a key", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("endPoint", null, "tls:endPoint must say where")]
    [InlineData("endPoint", "nowhere", "tls:endPoint must be HOST:PORT")]
    [InlineData("endPoint", "127.0.0.1:7070", "tls:endPoint needs a port of its own")]
    [InlineData("certificate", null, "tls:certificate must name a file in PEM")]
    [InlineData("certificate", "missing.crt", "does not exist")]
    [InlineData("key", null, "tls:key must name a file in PEM")]
    [InlineData("clients", null, "go together")]
    [InlineData("clientCa", null, "go together")]
    [InlineData("clients", "maybe", "none, optional or required")]
    public void A_bad_option_is_a_sentence(string key, string? value, string sentence)
    {
        Dictionary<string, string?> options = TlsFile();
        if (value is null) options.Remove($"tls:{key}");
        else options[$"tls:{key}"] = value;

        OptionsException fault = Assert.Throws<OptionsException>(
            () => SiloModel.From(new ConfigurationBuilder().AddInMemoryCollection(options).Build()));

        Assert.Contains(sentence, fault.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _certificates.Dispose();
        _folder.Delete(recursive: true);
    }

    /// <summary>The file as it is delivered, but with certificates of the test and a free port.</summary>
    private Dictionary<string, string?> TlsFile()
    {
        _certificates.WriteTo(_folder.FullName);
        string delivered = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "silo-config", "tls.json"));
        string file = Path.Combine(_folder.FullName, "tls.json");
        File.WriteAllText(file, delivered
            .Replace("./tls/", _folder.FullName + "/", StringComparison.Ordinal)
            .Replace("0.0.0.0:7443", "127.0.0.1:0", StringComparison.Ordinal));
        return SiloConfiguration.Read(file, new Dictionary<string, string>(), line: []).AsEnumerable()
            .Where(option => option.Value is not null)
            .ToDictionary(StringComparer.OrdinalIgnoreCase);
    }

    private GrpcChannel Channel(TestSilo silo, X509Certificate2? client) =>
        Calls.ChannelTo(silo.Host.Tls!, _certificates, client);

    private static Task<GetBalanceResponse> CallAsync(TestSilo silo, GrpcChannel channel) =>
        channel.CallAsync<GetBalanceRequest, GetBalanceResponse>(
            "GetBalance", new GetBalanceRequest { Grain = "tenants/acme" }, silo.AdminKey);
}
