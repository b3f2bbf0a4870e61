using AgentBudget.Client;
using AgentBudget.Gateway.Options;
using AgentBudget.Silo.Hosting;
using AgentBudget.Silo.Options;
using Microsoft.Extensions.Logging;
using StatusCode = Grpc.Core.StatusCode;

namespace AgentBudget.Gateway.Server;

/// <summary>Runs a gateway as a process: start lines, signals, exit code.</summary>
internal static class ServerProcess
{
    private static readonly TimeSpan FirstAskMax = TimeSpan.FromSeconds(5);

    public static async Task<int> RunAsync(ServerModel model, TextWriter output, TextWriter errors)
    {
        TlsSetup? tls = model.Tls is null ? null : TlsSetup.Load(model.Tls);
        using IDisposable? certificate = tls?.Certificate;
        using ILoggerFactory loggers = ProcessLog.Make();
        using StopSignals signals = new(TimeProvider.System);
        await using AgentBudgetClient client = new(model.Client, loggers);
        AgentBudgetException? fault = await AskAsync(client, signals.Stopping);
        if (fault is { StatusCode: StatusCode.Unauthenticated })
        {
            await errors.WriteLineAsync(
                $"The silo at {model.Client.Address} refuses the credential of {model.Client.CredentialFile}: it is "
                + "unknown, revoked or expired, or none.");
            return ExitCodes.NotPermitted;
        }

        using ServerTelemetry telemetry = new(model.MetricsKey);
        GatewayEdge edge = new() { Tls = model.Tls?.EndPoint, MapRoutes = telemetry.Map };
        if (tls is not null) edge = edge with { ConfigureTls = tls.Apply };
        await using (GatewayHost host = await StartAsync(model.Gateway, client, loggers, edge))
        {
            WriteStart(output, host, model, fault);
            await Task.Delay(Timeout.Infinite, signals.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await output.WriteLineAsync("AgentBudget's gateway is draining.");
        }

        await output.WriteLineAsync("AgentBudget's gateway stopped.");
        return ExitCodes.Ok;
    }

    private static async Task<GatewayHost> StartAsync(
        GatewayModel model, AgentBudgetClient client, ILoggerFactory loggers, GatewayEdge edge)
    {
        try
        {
            return await GatewayHost.StartAsync(model, client, TimeProvider.System, loggers, edge: edge);
        }
        catch (GatewayOptionsException fault)
        {
            throw new OptionsException(fault.Message);
        }
    }

    private static async Task<AgentBudgetException?> AskAsync(AgentBudgetClient client, CancellationToken stopping)
    {
        try
        {
            return await SiloProbe.AskAsync(client, FirstAskMax, stopping);
        }
        catch (OperationCanceledException)
        {
            return null; // It is stopped before it started.
        }
    }

    private static void WriteStart(
        TextWriter output, GatewayHost host, ServerModel model, AgentBudgetException? fault)
    {
        output.WriteLine($"AgentBudget's gateway serves model calls of SDKs at http://{host.Address}.");
        if (host.TlsAddress is { } tls) output.WriteLine($"  tls        the same at https://{tls}");
        if (host.EnvoyAddress is { } envoy)
            output.WriteLine($"  envoy      rate limits and authorization at http://{envoy}");
        output.WriteLine($"  silo       {model.Client.Address}");
        if (fault is { StatusCode: StatusCode.Unavailable or StatusCode.DeadlineExceeded })
        {
            output.WriteLine(
                "  WARNING    the silo cannot be reached, so every call is answered 503 until it can: "
                + fault.Message);
        }

        if (model.Gateway.IsExposed)
        {
            output.WriteLine(
                "  WARNING    this address is reachable from other machines in cleartext: keys and prompts can be read "
                + "on the way. Put it behind TLS, or bind a loopback address.");
        }

        output.Flush();
    }
}
