using System.Net;
using System.Net.Sockets;

namespace AgentBudget.Cluster.Tests.Support;

/// <summary>Addresses on loopback that were free.</summary>
internal static class Ports
{
    public static string Free()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return listener.LocalEndpoint.ToString()!;
    }
}
