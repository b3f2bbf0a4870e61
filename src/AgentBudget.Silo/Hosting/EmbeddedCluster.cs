using System.Net;
using System.Net.Sockets;
using Orleans.Configuration;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// A cluster of this one silo: membership and reminders in memory, its port open to this machine only.
/// </summary>
internal static class EmbeddedCluster
{
    private const string Name = "agentbudget";

    internal static ISiloBuilder Configure(ISiloBuilder silo) => silo
        .UseLocalhostClustering(FreePort(), gatewayPort: 0, serviceId: Name, clusterId: Name)
        .Configure<EndpointOptions>(options => options.AdvertisedIPAddress = IPAddress.Loopback)
        .UseInMemoryReminderService();

    // Nobody else has to know it: there is no other silo, and callers come through gRPC.
    private static int FreePort()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
