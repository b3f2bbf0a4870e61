using System.Security.Cryptography.X509Certificates;

namespace AgentBudget.Rpc;

/// <summary>How a channel to an <c>https</c> address proves who it is, and whom it believes.</summary>
public sealed class RpcChannelOptions
{
    /// <summary>The authorities that the server's certificate must lead to: these alone. Null: those of the machine.
    /// </summary>
    public X509Certificate2Collection? ServerAuthorities { get; init; }

    /// <summary>What is shown to a server that asks, with its private key. It stays the caller's and must live as long
    /// as the channel.</summary>
    public X509Certificate2? ClientCertificate { get; init; }
}
