using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AgentBudget.Silo.Edge;

/// <summary>How a host takes the guards of its connections into use.</summary>
internal static class EdgeExtensions
{
    /// <summary>Registers the guards, with the clock of the host or the system's.</summary>
    internal static IServiceCollection AddConnectionGuards(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ConnectionGuards>();
        return services.Configure<SocketTransportOptions>(ConnectionLimits.Apply);
    }

    /// <summary>Bounds what one connection, and all of them, may take.</summary>
    /// <param name="kestrel">The server.</param>
    /// <param name="messageBytesMax">The largest message: the window of a stream holds it.</param>
    internal static KestrelServerOptions ConfigureSiloLimits(this KestrelServerOptions kestrel, int messageBytesMax)
    {
        ConnectionLimits.Apply(kestrel, messageBytesMax);
        return kestrel;
    }

    /// <summary>Guards the connections of an endpoint. Over TLS call it after <c>UseHttps</c>: frames are read where
    /// they are plain.</summary>
    internal static ListenOptions UseConnectionGuards(this ListenOptions listen)
    {
        ConnectionGuards guards = listen.ApplicationServices.GetRequiredService<ConnectionGuards>();
        listen.Use(guards.Around);
        return listen;
    }
}
