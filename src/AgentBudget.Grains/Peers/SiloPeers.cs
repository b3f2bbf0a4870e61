using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Grains.Peers;

/// <summary>
/// Tells each other silo that the cluster counts as active, and asks again until it says that it knows or the cluster
/// says that it is dead: a dead silo answers nobody. Its list comes from the table of members, since a silo that joined
/// just now is in there before it serves.
/// </summary>
internal sealed class SiloPeers(
    ILocalSiloDetails here, IGrainFactory grains, SiloNewsClient news, ISiloStatusOracle members) : ISiloPeers
{
    /// <summary>Longer than it takes to find a silo dead.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>For one answer: it comes with the tenant's feed, or never.</summary>
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <inheritdoc/>
    public Task CredentialsAsync(string tenant, long sequence) =>
        TellAsync(silo => silo.Credentials(tenant, sequence));

    /// <inheritdoc/>
    public Task SigningKeysAsync() => TellAsync(silo => silo.SigningKeys());

    /// <inheritdoc/>
    public Task TenantAsync(string tenant) => TellAsync(silo => silo.Tenant(tenant))
        .ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<SiloMember>> ListAsync()
    {
        try
        {
            MembershipEntry[] entries = await grains.GetGrain<IManagementGrain>(0).GetDetailedHosts(onlyActive: false);
            return [.. entries.Select(ToMember)];
        }
        catch (Exception fault) when (fault is OrleansException or TimeoutException)
        {
            throw new TenantException(TenantFault.NotReady, "the list of silos cannot be read now", fault);
        }
    }

    private SiloMember ToMember(MembershipEntry entry) => new()
    {
        Address = entry.SiloAddress.Endpoint.ToString(),
        Host = entry.HostName ?? "",
        State = entry.Status switch
        {
            SiloStatus.Created or SiloStatus.Joining => SiloMember.Types.State.Starting,
            SiloStatus.Active => SiloMember.Types.State.Serving,
            SiloStatus.ShuttingDown or SiloStatus.Stopping => SiloMember.Types.State.Stopping,
            _ => SiloMember.Types.State.Dead,
        },
        StartTime = TimeOf(entry.StartTime),
        AliveTime = TimeOf(entry.IAmAliveTime),
        IsAnswering = entry.SiloAddress.Equals(here.SiloAddress),
    };

    private static Timestamp TimeOf(DateTime utc) =>
        Timestamp.FromDateTime(DateTime.SpecifyKind(utc, DateTimeKind.Utc));

    private async Task TellAsync(Func<ISiloNews, Task> tell)
    {
        Dictionary<SiloAddress, SiloStatus> active =
            await grains.GetGrain<IManagementGrain>(0).GetHosts(onlyActive: true);
        await Task.WhenAll(active.Keys
            .Where(silo => !silo.Equals(here.SiloAddress))
            .Select(silo => TellAsync(silo, tell)));
    }

    private async Task TellAsync(SiloAddress silo, Func<ISiloNews, Task> tell)
    {
        using CancellationTokenSource patience = new(Patience);
        while (true)
        {
            try
            {
                await tell(news.At(silo)).WaitAsync(AnswerPatience);
                return;
            }
            catch (Exception fault) when (fault is OrleansException or TimeoutException)
            {
                if (members.IsDeadSilo(silo)) return;
                if (patience.IsCancellationRequested)
                {
                    throw new TenantException(
                        TenantFault.NotReady,
                        $"recorded; the silo at {silo.Endpoint} has not said that it knows, ask again",
                        fault);
                }
            }

            await Task.Delay(Pause);
        }
    }
}
