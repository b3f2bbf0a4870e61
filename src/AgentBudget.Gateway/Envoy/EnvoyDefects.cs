using Grpc.Core;
using Grpc.Core.Interceptors;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Gateway.Envoy;

/// <summary>Answers a call that meets a defect, and logs it within bounds.</summary>
internal sealed class EnvoyDefects(GatewayServices services) : Interceptor
{
    /// <inheritdoc/>
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        try
        {
            return await continuation(request, context);
        }
        catch (Exception defect) when (defect is not RpcException and not OperationCanceledException)
        {
            string source = context.GetHttpContext().Connection.RemoteIpAddress?.ToString() ?? "";
            services.Defects.Write(source, context.Method, defect);
            throw new RpcException(new Status(StatusCode.Internal, "The gateway failed at this call."));
        }
    }
}

/// <summary>
/// The host's loggers without that of the handlers of gRPC: it writes a stack for every message that cannot be read,
/// and what a handler meets is logged by <see cref="EnvoyDefects"/>.
/// </summary>
internal sealed class EnvoyLoggers(ILoggerFactory loggers) : ILoggerFactory
{
    private const string Handlers = "Grpc.AspNetCore.Server.ServerCallHandler";

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) =>
        categoryName == Handlers ? NullLogger.Instance : loggers.CreateLogger(categoryName);

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider) => loggers.AddProvider(provider);

    /// <inheritdoc/>
    public void Dispose()
    {
        // They stay their owner's.
    }
}
