using AgentBudget.Grains.Abstractions;
using AgentBudget.Runtime;
using AgentBudget.Storage;
using AgentBudget.Storage.Snapshots;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Grains.Tenants;

/// <summary>
/// Looks through the store's tenants at the start and once a minute: one whose next deadline has come, or is not known,
/// is woken. So nothing that should happen by itself depends on a reminder that was lost.
/// </summary>
internal sealed partial class TenantScan(
    SiloTenants tenants,
    IGrainFactory grains,
    ActivationServices services,
    TimeProvider time,
    ILogger<TenantScan> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(Interval, time);
        try
        {
            do
            {
                await TryScanAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    internal async Task ScanAsync(CancellationToken cancellationToken)
    {
        foreach (StoredTenant tenant in await tenants.ListAsync(cancellationToken))
        {
            bool isDeadlineKnown = tenant.SnapshotEvent == tenant.LastEvent;
            if (isDeadlineKnown && tenant.NextDeadlineNanos > services.NowNanos) continue;
            await grains.GetGrain<ITenantGrain>(tenant.Name).Wake().AsTask().WaitAsync(cancellationToken);
        }
    }

    private async Task TryScanAsync(CancellationToken cancellationToken)
    {
        try
        {
            await ScanAsync(cancellationToken);
        }
        catch (Exception fault) when (fault is StoreException or TimeoutException or Orleans.Runtime.OrleansException)
        {
            Log.NotScanned(logger, fault);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3313, LogLevel.Warning, "The tenants could not be looked through; tried again in a minute")]
        public static partial void NotScanned(ILogger logger, Exception fault);
    }
}
