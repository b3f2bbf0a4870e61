using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Server;

public sealed class TlsTests : IDisposable
{
    private readonly X509Certificate2 _certificate = NewCertificate();

    [Fact]
    public async Task One_port_serves_grpc_over_http_2()
    {
        await using RpcServer server = await StartAsync();
        using HttpResponseMessage response = await SendAsync(
            server, HttpVersion.Version20, RawClient.Frame(new EchoRequest { Text = "secret" }), "application/grpc");
        Assert.Equal(HttpVersion.Version20, response.Version);
        byte[] body = await response.Content.ReadAsByteArrayAsync().Within("the answer");
        Assert.Equal(RawClient.Frame(new EchoResponse { Text = "secret" }), body);
        Assert.Equal(["0"], response.TrailingHeaders.GetValues("grpc-status"));
    }

    [Fact]
    public async Task The_same_port_serves_connect_over_http_1()
    {
        await using RpcServer server = await StartAsync();
        byte[] request = new EchoRequest { Text = "secret" }.ToByteArray();
        using HttpResponseMessage response = await SendAsync(
            server, HttpVersion.Version11, request, "application/proto");
        Assert.Equal(HttpVersion.Version11, response.Version);
        byte[] body = await response.Content.ReadAsByteArrayAsync().Within("the answer");
        Assert.Equal("secret", EchoResponse.Parser.ParseFrom(body).Text);
    }

    [Fact]
    public async Task A_caller_who_does_not_trust_the_certificate_sends_nothing()
    {
        await using RpcServer server = await StartAsync();
        using RpcChannel channel = new(new Uri($"https://{server.TlsEndPoint}"), TimeProvider.System);
        RpcException error = await Assert.ThrowsAsync<RpcException>(
            () => channel.UnaryAsync<EchoRequest, EchoResponse>(
                TestServer.Echo, new EchoRequest(), RpcCallOptions.None, CancellationToken.None));
        Assert.Equal(RpcStatusCode.Unavailable, error.StatusCode);
    }

    [Fact]
    public void A_tls_endpoint_without_a_certificate_is_refused() => Assert.Throws<ArgumentException>(
        () => NewServer(new RpcServerOptions { TlsEndPoint = new IPEndPoint(IPAddress.Loopback, 0) }));

    public void Dispose() => _certificate.Dispose();

    private static X509Certificate2 NewCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256);
        DateTimeOffset from = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        return request.CreateSelfSigned(from, from.AddYears(80));
    }

    private static RpcServer NewServer(RpcServerOptions options)
    {
        RpcServices services = new();
        services.Add(TestServer.Service, builder => builder
            .Unary<EchoRequest, EchoResponse>("Echo", (request, _) => new(new EchoResponse { Text = request.Text }))
            .ServerStreaming<EchoRequest, EchoResponse>("Repeat", (_, _, _) => Task.CompletedTask));
        return new RpcServer(options, services, null, null, NullLoggerFactory.Instance, TimeProvider.System);
    }

    private async Task<RpcServer> StartAsync()
    {
        RpcServer server = NewServer(new RpcServerOptions
        {
            TlsEndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            TlsCertificate = _certificate,
        });
        await server.StartAsync(CancellationToken.None);
        return server;
    }

    private async Task<HttpResponseMessage> SendAsync(
        RpcServer server, Version version, byte[] body, string contentType)
    {
        using HttpClient http = new(new SocketsHttpHandler
        {
            SslOptions =
            {
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    certificate!.GetCertHashString() == _certificate.GetCertHashString(),
            },
        });
        using HttpRequestMessage request = new(
            HttpMethod.Post, new Uri($"https://{server.TlsEndPoint}{RawClient.EchoPath}"))
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.TryAddWithoutValidation("content-type", contentType);
        return await http.SendAsync(request).Within("the answer");
    }
}
