using AgentBudget.Dashboard.SigningIn;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Demo;
using AgentBudget.Silo.Options;
using AgentBudget.Storage;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Hosting;

/// <summary>Runs a silo as a process: start lines, signals, exit code.</summary>
internal static partial class SiloProcess
{
    internal static async Task<int> RunAsync(SiloModel model, TextWriter output, TextWriter errors)
    {
        using ILoggerFactory loggers = ProcessLog.Make();
        using StopSignals signals = new(TimeProvider.System);
        try
        {
            SiloHost silo = await SiloHost.StartAsync(
                model, TimeProvider.System, loggers, fault => ExitAtOnce(loggers, fault));
            await using (silo)
            {
                await using HostedGateway? gateway = model.Gateway is null
                    ? null
                    : await HostedGateway.StartAsync(silo, model.Gateway, loggers);
                WriteStart(output, silo, model, gateway);
                await RunUntilAsync(silo, model, output, signals.Stopping);
                await output.WriteLineAsync("AgentBudget is draining.");
            }

            await output.WriteLineAsync("AgentBudget stopped.");
            return ExitCodes.Ok;
        }
        catch (StoreException fault)
        {
            await errors.WriteLineAsync(fault.Message);
            return ExitCodes.Storage;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            await errors.WriteLineAsync($"The data folder {model.Data} cannot be used: {fault.Message}");
            return ExitCodes.Storage;
        }
    }

    private static async Task RunUntilAsync(
        SiloHost silo, SiloModel model, TextWriter output, CancellationToken stopping)
    {
        if (model.IsDemo)
        {
            string adminKey = (await File.ReadAllTextAsync(silo.Folder.AdminKeyFile, stopping)).Trim();
            using DemoClient client = new(silo.GrpcHere, adminKey, TimeProvider.System);
            await new DemoTraffic(client, new DemoTable(output, TimeProvider.System), TimeProvider.System)
                .RunAsync(stopping);
        }

        await Task.Delay(Timeout.Infinite, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    // What was being written may or may not be there: no answer may leave, and the next start reads what is true.
    private static void ExitAtOnce(ILoggerFactory loggers, StoreException fault)
    {
        Log.StoreFailed(loggers.CreateLogger("AgentBudget.Silo"), fault);
        loggers.Dispose();
        Environment.Exit(ExitCodes.Storage);
    }

    private static void WriteStart(
        TextWriter output, SiloHost silo, SiloModel model, HostedGateway? gateway)
    {
        output.WriteLine($"AgentBudget serves JSON at http://{silo.Http} and gRPC at {silo.Grpc}.");
        if (silo.Tls is { } tls)
            output.WriteLine($"  tls        both at https://{tls}");
        if (gateway is not null)
            output.WriteLine($"  gateway    model calls of SDKs at http://{gateway.Host.Address}");
        if (gateway?.Host.EnvoyAddress is { } envoy)
            output.WriteLine($"  envoy      rate limits and authorization at http://{envoy}");
        if (silo.Dashboard is { } dashboard)
            WriteDashboard(output, silo, model, dashboard);
        output.WriteLine($"  data       {silo.Folder.Path}");
        if (model.Cluster is { } cluster)
        {
            output.WriteLine(
                $"  cluster    on {cluster.Store.Name}; the other silos reach this one at {cluster.Address}");
        }

        output.WriteLine($"  admin key  {silo.Folder.AdminKeyFile}");
        output.WriteLine(
            $"  tenants    {(silo.Tenants.Count == 0 ? "none yet: apply a catalog" : ListOf(silo.Tenants))}");
        if (silo.CatalogApplied is { } applied)
            WriteApplied(output, applied);
        if (model.IsExposed)
        {
            output.WriteLine(
                "  WARNING    this address is reachable from other machines in cleartext: keys, tokens and spend can "
                + "be read on the way. Put it behind TLS, or bind a loopback address.");
        }

        output.Flush();
    }

    // A link that signs in is printed where it is wanted: at the first start, and for the demo.
    private static void WriteDashboard(TextWriter output, SiloHost silo, SiloModel model, HostedDashboard dashboard)
    {
        output.WriteLine($"  dashboard  {dashboard.Address}");
        if (model.IsDemo || silo.IsFirstStart)
        {
            int minutes = (int)SignInLinks.Life.TotalMinutes;
            output.WriteLine($"  sign in    {dashboard.NewSignInLink()}  (once, within {minutes} minutes)");
        }
    }

    private static void WriteApplied(TextWriter output, ApplyCatalogResponse applied)
    {
        string changes = applied.Changes.Count == 0 ? "changed nothing" : $"changed {applied.Changes.Count} items";
        output.WriteLine($"  catalog    {changes}");
        foreach (string notice in applied.Notices)
            output.WriteLine($"  notice     {notice}");
    }

    // A silo may have very many tenants; the first say enough.
    private static string ListOf(IReadOnlyList<string> tenants)
    {
        const int listedMax = 10;
        string listed = string.Join(", ", tenants.Take(listedMax));
        return tenants.Count <= listedMax ? listed : $"{listed} and {tenants.Count - listedMax} more";
    }

    private static partial class Log
    {
        [LoggerMessage(62, LogLevel.Critical, "The store failed; the next start resolves what is on the disk")]
        internal static partial void StoreFailed(ILogger logger, StoreException fault);
    }
}
