using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AgentBudget.Rpc.Tests.Support;

/// <summary>A server over HTTP/2 that knows nothing of gRPC.</summary>
internal sealed class PlainHttp2Server : IAsyncDisposable
{
    private readonly WebApplication _host;

    private PlainHttp2Server(WebApplication host) => _host = host;

    internal Uri Address => new(_host.Urls.Single());

    internal static async Task<PlainHttp2Server> StartAsync(RequestDelegate route)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        WebApplication host = builder.Build();
        host.Run(route);
        await host.StartAsync();
        return new PlainHttp2Server(host);
    }

    public async ValueTask DisposeAsync() => await _host.DisposeAsync();
}
