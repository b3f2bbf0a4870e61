using AgentBudget.Api.Edge.Checks.Json;
using Grpc.AspNetCore.Server;
using Grpc.AspNetCore.Server.Model;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>How a host takes the bounds of requests into use.</summary>
public static class EdgeExtensions
{
    // Internal to gRPC, so it is found by its name.
    private const string BinderProvider = "BinderServiceMethodProvider`1";

    /// <summary>
    /// Bounds the messages of all gRPC services. Call it once, after everything that adds gRPC to the services.
    /// </summary>
    /// <param name="services">Where gRPC was added.</param>
    /// <param name="configure">Changes bounds from their defaults.</param>
    /// <exception cref="InvalidOperationException">gRPC was not added yet.</exception>
    public static IServiceCollection AddEdgeBounds(
        this IServiceCollection services, Action<EdgeOptions>? configure = null)
    {
        ServiceDescriptor binder = services.SingleOrDefault(service =>
            service.ServiceType == typeof(IServiceMethodProvider<>)
            && service.ImplementationType?.Name == BinderProvider)
            ?? throw new InvalidOperationException("Add gRPC before its bounds.");
        services.Remove(binder);
        services.AddSingleton(typeof(IServiceMethodProvider<>), typeof(BoundedMethodProvider<>));
        services.AddSingleton<SharedTexts>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<EdgeOptions>()
            .Configure(configure ?? (_ => { }))
            .Validate(options => options.IsValid(), "A bound of requests is out of its range.")
            .ValidateOnStart();
        services.AddOptions<GrpcServiceOptions>().PostConfigure<IOptions<EdgeOptions>>(Apply);
        return services;
    }

    /// <summary>
    /// Takes gRPC-Web for every service. It stands behind routing; what is behind it sees gRPC.
    /// </summary>
    public static IApplicationBuilder UseGrpcOverWeb(this IApplicationBuilder app) => app
        .UseMiddleware<GrpcWebText>()
        .UseGrpcWeb(new GrpcWebOptions { DefaultEnabled = true });

    /// <summary>
    /// Refuses gRPC requests that break their protocol before their methods run. It stands behind
    /// <see cref="UseGrpcOverWeb"/>, and before authentication or behind it: it reads headers alone, and bodies as far
    /// as methods do.
    /// </summary>
    public static IApplicationBuilder UseGrpcChecks(this IApplicationBuilder app) => app.UseMiddleware<GrpcChecks>();

    /// <summary>
    /// Refuses JSON requests that say what their message does not have. It reads bodies, so it stands behind routing
    /// and behind authorization.
    /// </summary>
    public static IApplicationBuilder UseJsonChecks(this IApplicationBuilder app) => app.UseMiddleware<JsonChecks>();

    private static void Apply(GrpcServiceOptions grpc, IOptions<EdgeOptions> edge)
    {
        int bytesMax = edge.Value.MessageBytesMaxAnywhere;
        grpc.MaxReceiveMessageSize = bytesMax;
        grpc.CompressionProviders.Clear();
        grpc.CompressionProviders.Add(new CappedGzip(bytesMax));
        // What is not served is answered at the end of the pipeline, with a reason.
        grpc.IgnoreUnknownServices = true;
    }
}
