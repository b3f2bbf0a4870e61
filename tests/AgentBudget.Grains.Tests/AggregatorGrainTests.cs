using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;

namespace AgentBudget.Grains.Tests;

/// <summary>The sums of reports: every event once, through hints, lost hints and hand-overs.</summary>
public sealed class AggregatorGrainTests
{
    private const int Calls = 30;

    [Fact]
    public async Task Hints_alone_bring_a_ledger_to_the_sums_beside_its_tenant()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        long spent = await SpendAsync(cluster.Silos[0]);

        ClusterSilo home = cluster.HomeOf(cluster.TenantGrain())!;
        long durable = await home.Tenants.DurableSequenceAsync(Acme.Tenant, CancellationToken.None);
        await Waiting.UntilAsync(() => home.Sums.Position(Acme.Tenant) == durable, "the folding of the whole ledger");

        Assert.Equal(spent, CostOf(home));
    }

    [Fact]
    public async Task A_report_waits_for_what_is_durable_although_every_hint_is_lost()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup
        {
            Silos = 1,
            // Hints arrive when this cluster is long gone.
            Configure = setup => setup.Services.Configure<StreamPullingAgentOptions>(
                LedgerHint.StreamProvider, pulling => pulling.GetQueueMsgsTimerPeriod = TimeSpan.FromHours(1)),
        });
        ClusterSilo silo = cluster.Silos[0];
        long spent = await SpendAsync(silo);

        long durable = await FoldAsync(silo);

        Assert.Equal(durable, silo.Sums.Position(Acme.Tenant));
        Assert.Equal(spent, CostOf(silo));
    }

    [Fact]
    public async Task Sums_go_on_after_their_grain_has_moved_and_come_back()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        long spent = await SpendAsync(cluster.Silos[0]);
        await FoldAsync(cluster.Silos[0]);
        IAggregatorGrain grain = cluster.Grains.GetGrain<IAggregatorGrain>(Acme.Tenant);
        ClusterSilo home = cluster.HomeOf(grain)!;
        ClusterSilo other = cluster.AnotherThan(home);

        await cluster.MigrateAsync(grain, other);
        spent += await SpendAsync(cluster.Silos[0], "moved");
        await FoldAsync(cluster.Silos[0]);
        Assert.Equal(spent, CostOf(other));

        await cluster.MigrateAsync(grain, home);
        spent += await SpendAsync(cluster.Silos[0], "back");
        await FoldAsync(cluster.Silos[0]);
        Assert.Equal(spent, CostOf(home));
    }

    // Holds, settles half of each, and answers what was spent.
    private static async Task<long> SpendAsync(ClusterSilo silo, string name = "first")
    {
        await Acme.BeginAsync(silo, sessions: 0);
        long session = (await Acme.DoneAsync(silo, Acme.Open($"open-{name}"))).Event!.Sequence;
        for (int call = 0; call < Calls; call++)
        {
            Answer held = await Acme.DoneAsync(silo, Acme.Reserve(session, $"{name}-{call}"));
            await Acme.DoneAsync(silo, Acme.Commit(session, held.Event!.Sequence, $"c-{name}-{call}", tokens: 500));
        }

        return Calls * 500 * 1_000L;
    }

    private static async Task<long> FoldAsync(ClusterSilo silo)
    {
        long durable = await silo.Tenants.DurableSequenceAsync(Acme.Tenant, CancellationToken.None);
        IAggregatorGrain grain = silo.Grains.GetGrain<IAggregatorGrain>(Acme.Tenant);
        while (await Waiting.WithinAsync(grain.FoldTo(durable), "a turn of folding") < durable)
        {
        }

        return durable;
    }

    private static long CostOf(ClusterSilo silo)
    {
        Money cost = silo.Sums.GetChargeback(Acme.Tenant, new GetChargebackRequest()).Total.Cost;
        return (cost.Units * 1_000_000_000) + cost.Nanos;
    }
}
