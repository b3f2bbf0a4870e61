using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Orleans.Configuration;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// A cluster of this one silo: membership and reminders in memory, its port open to this machine only.
/// </summary>
internal static class EmbeddedCluster
{
    private const string Name = "agentbudget";
    private const int PortMin = 20_000;
    private const int PortMax = 32_000;

    internal static ISiloBuilder Configure(ISiloBuilder silo) => silo
        .UseLocalhostClustering(FreePort(), gatewayPort: 0, serviceId: Name, clusterId: Name)
        .Configure<EndpointOptions>(options => options.AdvertisedIPAddress = IPAddress.Loopback)
        .UseInMemoryReminderService();

    // Nobody else has to know it: there is no other silo, and callers come through gRPC. It is none of those that a
    // system gives to outgoing connections, since one of these would take it before it is listened at.
    private static int FreePort()
    {
        while (true)
        {
            int port = RandomNumberGenerator.GetInt32(PortMin, PortMax);
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException fault) when (fault.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                // Another one.
            }
        }
    }
}
