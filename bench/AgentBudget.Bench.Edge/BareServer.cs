using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace AgentBudget.Bench.Edge;

/// <summary>Kestrel over cleartext HTTP/2 with <see cref="BareApplication"/> on it and its own limits.</summary>
internal sealed class BareServer : IAsyncDisposable
{
    private readonly WebApplication _host;
    private ListenOptions? _listen;

    private BareServer()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(
            kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                _listen = listen;
            }));
        _host = builder.Build();
    }

    public IPEndPoint Address => _listen!.IPEndPoint!;

    public static async Task<BareServer> StartAsync()
    {
        var server = new BareServer();
        await server._host.Services.GetRequiredService<IServer>().StartAsync(
            new BareApplication(), CancellationToken.None);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.Services.GetRequiredService<IServer>().StopAsync(CancellationToken.None);
        await _host.DisposeAsync();
    }
}
