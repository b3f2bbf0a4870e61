using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;

namespace AgentBudget.Grains.Tests;

/// <summary>Whoever watches sees the ledger in order, without gaps and doubles, wherever it is and moves to.</summary>
public sealed class WatchTests
{
    [Fact]
    public async Task A_watch_on_every_silo_goes_on_through_hand_overs_of_the_owner_and_of_the_feed()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        long session = (await Acme.BeginAsync(cluster.Silos[0]))[0];
        Watcher[] watchers = [.. cluster.Silos.Select(silo => new Watcher(silo.Tenants))];
        for (int round = 0; round < 12; round++)
        {
            Task[] calls = [.. Enumerable.Range(0, 30).Select(i => AnsweredAsync(
                cluster.Silos[i % 3], Acme.Reserve(session, $"r{round}-{i}")))];
            await HandOverAsync(cluster, round);
            await Task.WhenAll(calls);
        }

        (_, List<LedgerEvent> journal) = await cluster.AuditAsync();
        foreach (Watcher watcher in watchers)
        {
            await watcher.SeesAsync(journal.Count);
            await watcher.DisposeAsync();
            Assert.Equal(journal, watcher.Seen);
        }
    }

    [Fact]
    public async Task A_watch_goes_on_when_the_silo_of_owner_and_feed_is_killed_or_stops()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        long session = (await Acme.BeginAsync(cluster.Silos[0]))[0];
        for (int round = 0; round < 2; round++)
        {
            ClusterSilo owner = cluster.HomeOf(cluster.TenantGrain())!;
            ClusterSilo[] others = [.. cluster.Silos.Where(silo => silo != owner)];
            Watcher[] watchers = [.. others.Select(silo => new Watcher(silo.Tenants))];
            foreach (Watcher watcher in watchers) await watcher.SeesAsync(1);
            if (round == 0) await cluster.KillAsync(owner);
            else await cluster.StopAsync(owner);
            await AnsweredAsync(others[0], Acme.Reserve(session, $"r{round}"));
            (_, List<LedgerEvent> journal) = await cluster.AuditAsync();
            foreach (Watcher watcher in watchers)
            {
                await watcher.SeesAsync(journal.Count);
                await watcher.DisposeAsync();
                Assert.Equal(journal, watcher.Seen);
            }

            await cluster.StartSiloAsync();
        }
    }

    [Fact]
    public async Task Lost_hints_cost_time_only()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup
        {
            // Hints arrive when this cluster is long gone.
            Configure = silo => silo.Services.Configure<StreamPullingAgentOptions>(
                LedgerHint.StreamProvider, pulling => pulling.GetQueueMsgsTimerPeriod = TimeSpan.FromHours(1)),
        });
        long session = (await Acme.BeginAsync(cluster.Silos[0]))[0];
        Watcher[] watchers = [.. cluster.Silos.Select(silo => new Watcher(silo.Tenants))];
        for (int round = 0; round < 3; round++)
        {
            Answer held = await Acme.DoneAsync(cluster.Silos[round], Acme.Reserve(session, $"r{round}"));
            foreach (Watcher watcher in watchers) await watcher.SeesAsync(held.Event!.Sequence);
        }

        (_, List<LedgerEvent> journal) = await cluster.AuditAsync();
        foreach (Watcher watcher in watchers)
        {
            await watcher.DisposeAsync();
            Assert.Equal(journal, watcher.Seen);
        }
    }

    [Fact]
    public async Task A_watch_that_waits_does_not_hold_up_its_tenants_hand_over()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await Acme.BeginAsync(cluster.Silos[0]);
        long next = await cluster.Silos[0].Tenants.DurableSequenceAsync(Acme.Tenant, default) + 1;
        List<IAsyncEnumerator<IReadOnlyList<LedgerEvent>>> watches = [];
        List<Task<bool>> waits = [];
        foreach (ClusterSilo silo in cluster.Silos)
        {
            watches.Add(silo.Tenants.WatchAsync(Acme.Tenant, next, default).GetAsyncEnumerator());
            waits.Add(watches[^1].MoveNextAsync().AsTask());
        }

        await Waiting.UntilAsync(() => cluster.HomeOf(cluster.FeedGrain()) is not null, "the feed");
        await cluster.DeactivateAsync(cluster.TenantGrain());
        ClusterSilo target = cluster.AnotherThan(cluster.HomeOf(cluster.FeedGrain())!);
        await cluster.MigrateAsync(cluster.TenantGrain(), target);
        Assert.All(waits, wait => Assert.False(wait.IsCompleted));

        await Acme.DoneAsync(target, Acme.Open("later"));
        for (int place = 0; place < waits.Count; place++)
        {
            Assert.True(await Waiting.WithinAsync(waits[place], "the event"));
            Assert.Equal(next, watches[place].Current[0].Sequence);
            await watches[place].DisposeAsync();
        }
    }

    [Fact]
    public async Task All_watches_of_a_silo_end_when_it_stops()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await Acme.BeginAsync(cluster.Silos[0]);
        Watcher[] watchers = [.. cluster.Silos.Select(silo => new Watcher(silo.Tenants))];
        foreach (Watcher watcher in watchers) await watcher.SeesAsync(2);
        await cluster.StopAllAsync();
        foreach (Watcher watcher in watchers) await Waiting.WithinAsync(watcher.Watching, "the watch's end");
    }

    [Fact]
    public async Task A_watch_that_is_cancelled_before_it_begins_ends_and_one_without_a_store_is_told_as_not_ready()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup { Silos = 1 });
        ClusterSilo silo = cluster.Silos[0];
        await Acme.BeginAsync(silo);
        await using var cancelled = silo.Tenants.WatchAsync(Acme.Tenant, 1, new CancellationToken(canceled: true))
            .GetAsyncEnumerator();
        Assert.False(await cancelled.MoveNextAsync());
        silo.Store.Faults.OnCall = static _ => new StoreException("a planted fault");
        await using var unread = silo.Tenants.WatchAsync(Acme.Tenant, 1, default).GetAsyncEnumerator();
        Task<bool> read = unread.MoveNextAsync().AsTask();
        Assert.Equal(TenantFault.NotReady, (await Assert.ThrowsAsync<TenantException>(() => read)).Fault);
        silo.Store.Faults.OnCall = null;
    }

    private static async Task HandOverAsync(TestCluster cluster, int round)
    {
        IAddressable grain = round % 2 == 0 ? cluster.TenantGrain() : cluster.FeedGrain();
        if (cluster.HomeOf(grain) is not { } home) return;
        if (round % 4 < 2) await cluster.MigrateAsync(grain, cluster.AnotherThan(home));
        else await cluster.DeactivateAsync(grain);
    }

    private static async Task AnsweredAsync(ClusterSilo silo, Command command)
    {
        while (true)
        {
            try
            {
                await Acme.DoneAsync(silo, command);
                return;
            }
            catch (TenantException fault) when (fault.Fault is TenantFault.NotReady or TenantFault.OutcomeUnknown)
            {
                await Task.Delay(20);
            }
        }
    }
}
