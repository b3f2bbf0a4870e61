using AgentBudget.Client;
using AgentBudget.Gateway.Options;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Hosting;
using AgentBudget.Silo.Options;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using StatusCode = Grpc.Core.StatusCode;

namespace AgentBudget.Gateway.Server;

/// <summary>Runs a gateway as a process: start lines, signals, exit code.</summary>
internal static class ServerProcess
{
    private const string Instruments = "AgentBudget.Gateway";
    private const string CollectorVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"; // OpenTelemetry's own name for it.
    private static readonly TimeSpan FirstAskMax = TimeSpan.FromSeconds(5);

    public static async Task<int> RunAsync(ServerModel model, TextWriter output, TextWriter errors)
    {
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

        using MeterProvider? meters = MetersToCollector();
        using TracerProvider? traces = TracesToCollector();
        await using (GatewayHost host = await StartAsync(model.Gateway, client, loggers))
        {
            WriteStart(output, host, model, fault);
            await Task.Delay(Timeout.Infinite, signals.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await output.WriteLineAsync("AgentBudget's gateway is draining.");
        }

        await output.WriteLineAsync("AgentBudget's gateway stopped.");
        return ExitCodes.Ok;
    }

    private static async Task<GatewayHost> StartAsync(
        GatewayModel model, AgentBudgetClient client, ILoggerFactory loggers)
    {
        try
        {
            return await GatewayHost.StartAsync(model, client, TimeProvider.System, loggers);
        }
        catch (GatewayOptionsException fault)
        {
            throw new OptionsException(fault.Message);
        }
    }

    // It asks for something that is not there: what counts is whether it is known who asks.
    private static async Task<AgentBudgetException?> AskAsync(AgentBudgetClient client, CancellationToken stopping)
    {
        try
        {
            await client.CallAsync(
                client.Budgets.GetBalanceAsync,
                new GetBalanceRequest { Grain = "useCases/none" },
                stopping,
                FirstAskMax);
            return null;
        }
        catch (AgentBudgetException fault)
        {
            return fault;
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

    private static bool HasCollector => Environment.GetEnvironmentVariable(CollectorVariable) is { Length: > 0 };

    private static MeterProvider? MetersToCollector() => HasCollector
        ? Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(Name)
            .AddMeter(Instruments)
            .AddOtlpExporter()
            .Build()
        : null;

    private static TracerProvider? TracesToCollector() => HasCollector
        ? Sdk.CreateTracerProviderBuilder()
            .ConfigureResource(Name)
            .AddSource(Instruments)
            .AddOtlpExporter()
            .Build()
        : null;

    private static void Name(ResourceBuilder resource) => resource.AddService("agentbudget-gateway");
}
