using System.Net;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace AgentBudget.Gateway;

/// <summary>What whoever runs a gateway adds to where it is served.</summary>
public sealed record GatewayEdge
{
    /// <summary>Where the same is served over TLS, beside the address in cleartext; null where it is not.</summary>
    public IPEndPoint? Tls { get; init; }

    /// <summary>Sets how TLS is spoken there: certificates, and whose are taken.</summary>
    public Action<HttpsConnectionAdapterOptions> ConfigureTls { get; init; } = static _ => { };

    /// <summary>Adds routes beside the gateway's own.</summary>
    public Action<IEndpointRouteBuilder> MapRoutes { get; init; } = static _ => { };
}
