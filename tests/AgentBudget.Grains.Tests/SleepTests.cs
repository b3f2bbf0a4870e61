using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Snapshots;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Orleans.Configuration;
using Orleans.Reminders;

namespace AgentBudget.Grains.Tests;

/// <summary>Tenants leave memory when nobody asks for them, and what should happen meanwhile happens.</summary>
public sealed class SleepTests
{
    private static readonly TimeSpan ScanInterval = TimeSpan.FromMinutes(1);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 18, 10, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task An_idle_tenant_leaves_memory_although_the_store_is_scanned_meanwhile()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup
        {
            Time = _time,
            Configure = static silo => silo.Configure<GrainCollectionOptions>(collection =>
            {
                collection.CollectionQuantum = TimeSpan.FromSeconds(1);
                collection.CollectionAge = TimeSpan.FromSeconds(2);
            }),
        });
        await Acme.BeginAsync(cluster.Silos[0]);
        ITenantGrain grain = cluster.TenantGrain();
        await Waiting.UntilAsync(
            () =>
            {
                _time.Advance(ScanInterval);
                return cluster.HomeOf(grain) is null;
            },
            "an idle tenant's leaving");
        StoredSnapshot? snapshot = await cluster.Store.ReadSnapshotAsync(Acme.Tenant, long.MaxValue, default);
        Assert.Equal(await cluster.Store.ReadHeadAsync(Acme.Tenant, default), snapshot?.Head);
        await Acme.DoneAsync(cluster.Silos[1], Acme.Open("later"));
    }

    [Fact]
    public async Task Reading_the_ledger_of_a_tenant_that_sleeps_does_not_wake_it()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await Acme.BeginAsync(cluster.Silos[0]);
        await cluster.DeactivateAsync(cluster.TenantGrain());
        foreach (ClusterSilo silo in cluster.Silos) silo.Store.Faults.OnCall = AcquiringFails;
        List<long> seen = [];
        await foreach (EventPage page in cluster.FeedGrain().Follow(1, default))
        {
            seen.AddRange(page.Events.Select(read => read.Sequence));
            if (seen.Count >= 2) break;
        }

        Assert.Equal([1, 2], seen);
        await Waiting.UntilAsync(() => cluster.HomeOf(cluster.TenantGrain()) is null, "the tenant's leaving");
        foreach (ClusterSilo silo in cluster.Silos) silo.Store.Faults.OnCall = null;
        await Acme.DoneAsync(cluster.Silos[1], Acme.Open("later"));
    }

    [Fact]
    public async Task A_session_that_expires_while_its_tenant_sleeps_is_closed_by_a_reminder()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup
        {
            Time = _time,
            Configure = silo => silo.Services.AddKeyedSingleton<TimeProvider>(
                ReminderTimeProviderNames.Reminders, _time),
        });
        LedgerEvent held = await HoldAsync(cluster);
        foreach (ClusterSilo silo in cluster.Silos) silo.Store.Faults.OnCall = ScanningFails;
        await cluster.DeactivateAsync(cluster.TenantGrain());
        await AssertClosedAsync(cluster, held);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_session_that_expires_while_no_silo_runs_is_closed_by_the_scan_at_a_start(bool hasSnapshot)
    {
        InMemoryStore store = new();
        LedgerEvent held;
        await using (TestCluster first = await TestCluster.StartAsync(
            new ClusterSetup { Silos = 1, Store = store, Time = _time }))
        {
            held = await HoldAsync(first);
            if (!hasSnapshot) first.Silos[0].Store.Faults.OnCall = SavingFails;
        }

        Assert.Equal(hasSnapshot, await store.ReadSnapshotAsync(Acme.Tenant, long.MaxValue, default) is not null);
        _time.Advance(TimeSpan.FromHours(2));
        await using TestCluster second = await TestCluster.StartAsync(
            new ClusterSetup { Silos = 1, Store = store.AsAnotherOwner().AsAnotherOwner(), Time = _time });
        await AssertClosedAsync(second, held);
    }

    [Fact]
    public async Task A_session_that_expires_while_its_tenant_sleeps_is_closed_by_the_scan_when_no_reminder_comes()
    {
        // Reminders count real time, of which no hour goes by here.
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup { Time = _time });
        LedgerEvent held = await HoldAsync(cluster);
        await cluster.DeactivateAsync(cluster.TenantGrain());
        long last = await cluster.Silos[0].Tenants.DurableSequenceAsync(Acme.Tenant, default);
        _time.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(last, await cluster.Silos[0].Tenants.DurableSequenceAsync(Acme.Tenant, default));
        await AssertClosedAsync(cluster, held);
    }

    private static StoreException? AcquiringFails(string call) => Failure(call, nameof(ILedgerStore.AcquireAsync));

    private static StoreException? ScanningFails(string call) => Failure(call, nameof(ILedgerStore.ListTenantsAsync));

    private static StoreException? SavingFails(string call) => Failure(call, nameof(ILedgerStore.SaveSnapshotAsync));

    private static StoreException? Failure(string call, string failing) =>
        call == failing ? new StoreException("a planted fault") : null;

    private static async Task<LedgerEvent> HoldAsync(TestCluster cluster)
    {
        await Acme.DoneAsync(cluster.Silos[0], Acme.Catalog());
        Answer session = await Acme.DoneAsync(cluster.Silos[0], Acme.Open("open", ttl: TimeSpan.FromHours(1)));
        TimeSpan ttl = TimeSpan.FromHours(1);
        return (await Acme.DoneAsync(cluster.Silos[0], Acme.Reserve(session.Event!.Sequence, "hold", ttl))).Event!;
    }

    // Nobody asks the tenant: a look at the store's head is none.
    private async Task AssertClosedAsync(TestCluster cluster, LedgerEvent held)
    {
        ClusterSilo silo = cluster.Silos[0];
        List<LedgerEvent> after = [];
        await Waiting.UntilAsync(
            async () =>
            {
                _time.Advance(ScanInterval);
                after = [.. await silo.Tenants.ReadAsync(Acme.Tenant, held.Sequence + 1, 100, default)];
                return after.Any(read => read.SessionClosed is not null);
            },
            "the session's end");
        Assert.Contains(after, read => read.SessionEnded is { State: Session.Types.State.Expired });
        GetBalanceResponse balance = await Acme.BalanceAsync(silo, 0, Acme.UseCase);
        Assert.Equal((0, 0), (balance.Grains[0].Held.Units, balance.Grains[0].Held.Nanos));
        await cluster.AuditAsync();
    }
}
