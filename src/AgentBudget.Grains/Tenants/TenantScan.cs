using AgentBudget.Grains.Abstractions;
using AgentBudget.Runtime;
using AgentBudget.Storage.Snapshots;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Grains.Tenants;

/// <summary>
/// Looks through the store's tenants at the start and once a minute: one whose next deadline has come, or is not known,
/// is woken unless it is active. So nothing that should happen by itself depends on a reminder that was lost.
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
        catch (Exception) when (stoppingToken.IsCancellationRequested)
        {
            // Whatever fails while the silo stops is looked at by the next start.
        }
    }

    private async Task TryScanAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (StoredTenant tenant in await tenants.ListAsync(cancellationToken))
                await TryWakeAsync(tenant, cancellationToken);
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            Log.NotScanned(logger, fault);
        }
    }

    private async Task TryWakeAsync(StoredTenant tenant, CancellationToken cancellationToken)
    {
        try
        {
            ITenantGrain grain = grains.GetGrain<ITenantGrain>(tenant.Name);
            bool isDeadlineKnown = tenant.SnapshotEvent == tenant.LastEvent;
            bool isLeftAlone = isDeadlineKnown
                ? tenant.NextDeadlineNanos > services.NowNanos
                : await IsActiveAsync(grain, cancellationToken);
            if (!isLeftAlone) await grain.Wake().AsTask().WaitAsync(cancellationToken);
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested)
        {
            Log.NotWoken(logger, tenant.Name, fault);
        }
    }

    // One that is active handles its deadlines itself; a call from here would keep it in memory for ever.
    private async Task<bool> IsActiveAsync(ITenantGrain grain, CancellationToken cancellationToken)
    {
        IManagementGrain management = grains.GetGrain<IManagementGrain>(0);
        ValueTask<SiloAddress?> address = management.GetActivationAddress(grain, CancellationToken.None);
        return await address.AsTask().WaitAsync(cancellationToken) is not null;
    }

    private static partial class Log
    {
        [LoggerMessage(3313, LogLevel.Warning, "The tenants could not be looked through; tried again in a minute")]
        public static partial void NotScanned(ILogger logger, Exception fault);

        [LoggerMessage(3315, LogLevel.Warning, "Tenant {Tenant} could not be woken; tried again in a minute")]
        public static partial void NotWoken(ILogger logger, string tenant, Exception fault);
    }
}
