using System.Collections.Concurrent;
using AgentBudget.Grains.Lanes;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Storage.InMemory;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Grains.Tests;

/// <summary>A name that nobody has leaves no trace.</summary>
public sealed class UnknownTenantTests
{
    private const int NotScannedLog = 3313;

    [Fact]
    public async Task A_name_that_nobody_has_is_answered_without_a_lane_an_activation_or_a_row()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await Acme.BeginAsync(cluster.Silos[0]);
        ConcurrentQueue<string> calls = [];
        foreach (ClusterSilo silo in cluster.Silos) silo.Store.Faults.OnCall = call => Note(calls, call);
        IManagementGrain management = cluster.Grains.GetGrain<IManagementGrain>(0);
        int rows = cluster.Store.Rows;
        for (int i = 0; i < 50; i++)
        {
            foreach (ClusterSilo silo in cluster.Silos)
            {
                Answer answer = await silo.SendAsync(Acme.Open("open"), tenant: $"nobody{i}");
                Assert.Equal(Outcome.TenantNotFound, answer.Outcome);
                answer = await silo.SendAsync(new BalanceQuery(0, "tenant"), tenant: $"nobody{i}");
                Assert.Equal(Outcome.TenantNotFound, answer.Outcome);
                Assert.Equal(0, await silo.Tenants.DurableSequenceAsync($"nobody{i}", default));
                Assert.Empty(await silo.Tenants.ReadAsync($"nobody{i}", 1, 10, default));
            }
        }

        Assert.Equal(rows, cluster.Store.Rows);
        Assert.All(cluster.Silos, silo => Assert.InRange(silo.Tenants.Lanes, 0, 1));
        Assert.Equal([nameof(InMemoryStore.ReadHeadAsync)], calls.Distinct());
        for (int i = 0; i < 50; i++)
            Assert.Null(await management.GetActivationAddress(cluster.TenantGrain($"nobody{i}")));
    }

    [Fact]
    public async Task A_tenant_too_many_is_told_and_those_that_are_there_are_served()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            new ClusterSetup { Silos = 1, Lanes = new LaneOptions { TenantsMax = 2 } });
        ClusterSilo silo = cluster.Silos[0];
        foreach (string tenant in (string[])["one", "two"])
            await Acme.DoneAsync(silo, Acme.Catalog(tenant: tenant), tenant);
        Assert.Equal(TenantFault.Busy, await silo.FaultOfAsync(Acme.Catalog(tenant: "three"), "three"));
        Assert.Equal(["one", "two"], silo.Tenants.Tenants);
        Assert.Equal(0, await silo.Tenants.DurableSequenceAsync("three", default));
        await Acme.DoneAsync(silo, Acme.Open("open"), "two");
    }

    [Fact]
    public async Task Whatever_keeps_the_first_look_from_the_store_is_told_as_not_ready()
    {
        FakeTimeProvider time = new();
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup { Silos = 1, Time = time });
        ClusterSilo silo = cluster.Silos[0];
        // A fault that a store does not promise must neither hang a caller nor end the silo with its scan.
        silo.Store.Faults.OnCall = _ => new InvalidOperationException("a planted fault");
        time.Advance(TimeSpan.FromMinutes(1));
        await Waiting.UntilAsync(() => cluster.Log.Count(NotScannedLog) > 0, "a scan that failed");
        Assert.Equal(TenantFault.NotReady, await silo.FaultOfAsync(Acme.Catalog()));
        silo.Store.Faults.OnCall = null;
        await Acme.DoneAsync(silo, Acme.Catalog());
    }

    private static Exception? Note(ConcurrentQueue<string> calls, string call)
    {
        calls.Enqueue(call);
        return null;
    }
}
