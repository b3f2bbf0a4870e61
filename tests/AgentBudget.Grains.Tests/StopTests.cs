using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Grains.Tests;

/// <summary>A silo that stops under load says nothing that an operator would have to look at.</summary>
public sealed class StopTests
{
    [Fact]
    public async Task A_silo_that_is_alone_stops_under_load_and_tells_its_callers_that_it_is_not_ready()
    {
        TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup { Silos = 1 });
        await using TestCluster _ = cluster;
        ClusterSilo silo = cluster.Silos[0];
        long[] sessions = await Acme.BeginAsync(silo, sessions: 4);
        Watcher[] watchers = [.. sessions.Select(_ => new Watcher(silo.Tenants))];
        Callers callers = new(cluster, sessions);
        await callers.AnsweredAsync(200);
        Task stop = cluster.StopAllAsync();
        await callers.StopAsync();
        await stop;
        foreach (Watcher watcher in watchers) await Waiting.WithinAsync(watcher.Watching, "a watch's end");
        Assert.All(callers.Faults, fault => Assert.Equal(TenantFault.NotReady, fault));
        await callers.AssertEffectsAsync();
    }

    [Fact]
    public async Task What_becomes_durable_while_the_silo_stops_is_answered_and_told_to_nobody_who_has_left()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup { Silos = 1 });
        ClusterSilo silo = cluster.Silos[0];
        await Acme.BeginAsync(silo);
        Watcher watcher = new(silo.Tenants);
        await watcher.SeesAsync(2);
        ILedgerFeedGrain feed = cluster.FeedGrain();
        silo.Store.Faults.HoldAppends();
        Task<Answer> last = silo.SendAsync(Acme.Open("last"));
        await silo.Store.Faults.AppendHeldAsync(Waiting.Patience, default);
        Task stop = cluster.StopAllAsync();
        await Waiting.UntilAsync(() => cluster.HomeOf(feed) is null, "the leaving of the grains that wait for nothing");
        Assert.False(stop.IsCompleted);
        silo.Store.Faults.ReleaseAppends();
        Assert.Equal(3, (await last).Event!.Sequence);
        await stop;
        await Waiting.WithinAsync(watcher.Watching, "the watch's end");
        StoredSnapshot? snapshot = await cluster.Store.ReadSnapshotAsync(Acme.Tenant, long.MaxValue, default);
        Assert.Equal(3, snapshot?.Head.LastEvent);
    }

    [Fact]
    public async Task Silos_that_stop_one_after_another_under_load_leave_no_call_unanswered()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        long[] sessions = await Acme.BeginAsync(cluster.Silos[0], sessions: 8);
        Callers callers = new(cluster, sessions);
        await using Watcher _ = new(cluster.Silos[2].Tenants);
        foreach (ClusterSilo silo in cluster.Silos.Take(2))
        {
            await callers.AnsweredAsync(200);
            await cluster.StopAsync(silo);
        }

        await callers.AnsweredAsync(200);
        await callers.StopAsync();
        await callers.AssertEffectsAsync();
        Assert.Empty(callers.Faults.Except([TenantFault.NotReady, TenantFault.OutcomeUnknown]));
    }
}
