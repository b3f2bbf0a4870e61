using AgentBudget.Client;
using AgentBudget.Gateway;
using AgentBudget.Gateway.Options;
using AgentBudget.Silo.Options;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Hosting;

/// <summary>The gateway of a silo: in the same process, and over the public API as a gateway elsewhere.</summary>
internal sealed class HostedGateway : IAsyncDisposable
{
    private readonly AgentBudgetClient _client;

    private HostedGateway(AgentBudgetClient client, GatewayHost host)
    {
        _client = client;
        Host = host;
    }

    internal GatewayHost Host { get; }

    /// <summary>Starts it. Throws <see cref="OptionsException"/> where it cannot listen.</summary>
    internal static async Task<HostedGateway> StartAsync(SiloHost silo, GatewayModel model, ILoggerFactory loggers)
    {
        AgentBudgetClient client = new(new AgentBudgetClientOptions
        {
            Address = new Uri($"http://{silo.GrpcHere}"),
            CredentialFile = silo.Folder.AdminKeyFile,
            Tenant = model.Tenant,
            ConfigureConnections = handler => handler.UseProxy = false,
        });
        try
        {
            return new HostedGateway(
                client, await GatewayHost.StartAsync(model, client, TimeProvider.System, loggers, silo.MeterScope));
        }
        catch (GatewayOptionsException fault)
        {
            await client.DisposeAsync();
            throw new OptionsException(fault.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _client.DisposeAsync();
    }
}
