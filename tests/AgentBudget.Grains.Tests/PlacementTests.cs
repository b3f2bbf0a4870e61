using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Tests.Support;

namespace AgentBudget.Grains.Tests;

/// <summary>All grains of a tenant are on one silo, and tenants on all silos.</summary>
public sealed class PlacementTests
{
    private static readonly string[] Tenants = [.. Enumerable.Range(0, 30).Select(i => $"tenant{i}")];

    [Fact]
    public async Task Tenants_are_spread_with_their_feeds_beside_them_and_only_those_of_a_lost_silo_move()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await Task.WhenAll(Tenants.Select((tenant, i) =>
            Acme.DoneAsync(cluster.Silos[i % 3], Acme.Catalog(tenant: tenant), tenant)));
        List<Watcher> watchers =
            [.. Tenants.Select((tenant, i) => new Watcher(cluster.Silos[i % 3].Tenants, fromSequence: 1, tenant))];
        await Waiting.UntilAsync(
            () => Array.TrueForAll(Tenants, tenant => cluster.HomeOf(cluster.FeedGrain(tenant)) is not null),
            "the feeds");

        Dictionary<string, ClusterSilo> before = Homes(cluster);
        Assert.Equal(3, before.Values.Distinct().Count());
        Assert.All(before.GroupBy(home => home.Value), atSilo => Assert.InRange(atSilo.Count(), 3, 20));
        Assert.All(Tenants, tenant => Assert.Same(before[tenant], cluster.HomeOf(cluster.FeedGrain(tenant))));

        ClusterSilo lost = cluster.Silos[2];
        foreach (Watcher watcher in watchers.Where((_, i) => i % 3 == 2)) await watcher.DisposeAsync();
        await cluster.StopAsync(lost);
        foreach (string tenant in Tenants)
        {
            await Acme.DoneAsync(cluster.Silos[0], Acme.Open("open"), tenant);
            ClusterSilo home = cluster.HomeOf(cluster.TenantGrain(tenant))!;
            if (before[tenant] == lost) Assert.NotSame(lost, home);
            else Assert.Same(before[tenant], home);
        }

        foreach (Watcher watcher in watchers.Where((_, i) => i % 3 != 2))
        {
            await watcher.SeesAsync(2);
            await watcher.DisposeAsync();
        }

        Dictionary<string, ClusterSilo> after = Homes(cluster);
        Assert.Equal(2, after.Values.Distinct().Count());
        foreach (string tenant in Tenants.Where((_, i) => i % 3 != 2))
            Assert.Same(after[tenant], cluster.HomeOf(cluster.FeedGrain(tenant)));
    }

    [Fact]
    public async Task A_tenant_that_was_moved_by_hand_stays_where_it_is()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await Acme.BeginAsync(cluster.Silos[0]);
        ITenantGrain grain = cluster.TenantGrain();
        ClusterSilo target = cluster.AnotherThan(cluster.HomeOf(grain)!);
        // A reader who comes first finds it without its ledger, and then it leaves again: see TenantGrain.
        for (int tries = 0; tries < 10 && cluster.HomeOf(grain) != target; tries++)
        {
            await cluster.MigrateAsync(grain, target);
            await Acme.DoneAsync(target, Acme.Open($"moved-{tries}"));
        }

        foreach (ClusterSilo silo in cluster.Silos) await Acme.DoneAsync(silo, Acme.Open($"at-{silo.Address}"));
        Assert.Same(target, cluster.HomeOf(grain));
    }

    private static Dictionary<string, ClusterSilo> Homes(TestCluster cluster) => Tenants.ToDictionary(
        tenant => tenant, tenant => cluster.HomeOf(cluster.TenantGrain(tenant))!);
}
