using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime;
using AgentBudget.Storage.InMemory;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Grains.Tests;

/// <summary>
/// Two owners of one tenant at once, made on purpose: two activations, and two clusters that do not know of each other
/// over one store, which is what a cut network makes of one. The epoch lets one of them write.
/// </summary>
public sealed class DuplicateOwnerTests
{
    private const int FenceLostLog = 3205;

    [Fact]
    public async Task Of_two_activations_one_appends_and_the_other_fails_what_waits_and_ends()
    {
        InMemoryStore store = new();
        await using Owner former = new(store);
        await using Owner present = new(store.AsAnotherOwner());
        Assert.Null((await former.SendAsync(Acme.Catalog())).Fault);
        former.Store.Faults.HoldAppends();
        Task<Reply> inFlight = former.SendAsync(Acme.Open("in flight"));
        await former.Store.Faults.AppendHeldAsync(Waiting.Patience, default);
        Task<Reply> waiting = former.SendAsync(Acme.Open("waiting"));
        Reply won = await present.SendAsync(Acme.Open("won"));
        Assert.Equal(2, won.Answer.Event?.Sequence);

        former.Store.Faults.ReleaseAppends();
        Assert.Equal(TenantFault.NotReady, (await Waiting.WithinAsync(inFlight, "a reply")).Fault);
        Assert.Equal(TenantFault.NotReady, (await Waiting.WithinAsync(waiting, "a reply")).Fault);
        await Waiting.WithinAsync(former.HasEnded, "the end of the former owner");
        Assert.Equal(TenantFault.NotReady, (await former.SendAsync(new CatalogQuery())).Fault);
        Assert.Equal(3, (await present.SendAsync(Acme.Open("next"))).Answer.Event?.Sequence);
        Assert.False(present.HasEnded.IsCompleted);
        Assert.Equal(3, (await store.ReadHeadAsync(Acme.Tenant, default)).LastEvent);
    }

    [Fact]
    public async Task Of_two_clusters_over_one_store_one_appends_and_the_grain_of_the_other_leaves()
    {
        InMemoryStore store = new();
        await using TestCluster former = await TestCluster.StartAsync(new ClusterSetup { Store = store });
        await using TestCluster present = await TestCluster.StartAsync(
            new ClusterSetup { Silos = 1, Store = former.Silos[^1].Store.AsAnotherOwner() });
        await Acme.BeginAsync(former.Silos[0]);
        ClusterSilo owner = former.HomeOf(former.TenantGrain())!;
        owner.Store.Faults.HoldAppends();
        Task<TenantFault> lost = former.AnotherThan(owner).FaultOfAsync(Acme.Open("lost"));
        await owner.Store.Faults.AppendHeldAsync(Waiting.Patience, default);
        Answer won = await Acme.DoneAsync(present.Silos[0], Acme.Open("won"));
        Task left = former.DeactivatedAsync(former.TenantGrain());
        owner.Store.Faults.ReleaseAppends();
        Assert.Equal(TenantFault.NotReady, await lost);
        await left;
        Assert.Equal(1, former.Log.Count(FenceLostLog));

        // Asked again, it takes the tenant back; whoever has it writes behind what the other wrote.
        Answer again = await Acme.DoneAsync(former.Silos[0], Acme.Open("again"));
        Assert.Equal(won.Event!.Sequence + 1, again.Event!.Sequence);
        (_, List<LedgerEvent> journal) = await former.AuditAsync();
        Assert.Equal(["catalog", "open-0", "won", "again"], journal.Select(read => read.RequestId));
    }

    [Fact]
    public async Task A_query_of_a_former_owner_is_not_answered_from_its_memory()
    {
        InMemoryStore store = new();
        await using TestCluster former = await TestCluster.StartAsync(new ClusterSetup { Silos = 1, Store = store });
        await using TestCluster present = await TestCluster.StartAsync(
            new ClusterSetup { Silos = 1, Store = former.Silos[0].Store.AsAnotherOwner() });
        long session = (await Acme.BeginAsync(former.Silos[0]))[0];
        Assert.Equal(0, (await Acme.BalanceAsync(former.Silos[0], session)).Grains[0].Held.Nanos);
        await Acme.DoneAsync(present.Silos[0], Acme.Reserve(session, "elsewhere"));

        Task left = former.DeactivatedAsync(former.TenantGrain());
        Command query = new BalanceQuery(session, "");
        Assert.Equal(TenantFault.NotReady, await former.Silos[0].FaultOfAsync(query));
        await left;
        GetBalanceResponse balance = await Acme.BalanceAsync(former.Silos[0], session);
        Assert.Equal(Acme.CallNanos, balance.Grains[0].Held.Nanos);
    }

    /// <summary>An activation with a host of its own, which runs its steps on the pool.</summary>
    private sealed class Owner : IActivationHost, IAsyncDisposable
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ActivationServices _services;
        private readonly TenantActivation _activation;

        public Owner(InMemoryStore store)
        {
            Store = store;
            _services = new ActivationServices(
                store, new ActivationOptions(), TimeProvider.System, NullLoggerFactory.Instance);
            _activation = new TenantActivation(Acme.Tenant, _services, this);
        }

        public InMemoryStore Store { get; }

        public Task HasEnded => _ended.Task;

        public async Task<Reply> SendAsync(Command command)
        {
            CommandBatch batch = new([command]);
            _activation.Submit(batch);
            return (await Waiting.WithinAsync(batch.Answered, "a reply"))[0];
        }

        public void RunSoon(IThreadPoolWorkItem step) => ThreadPool.UnsafeQueueUserWorkItem(step, preferLocal: false);

        public void Published(long durableSequence)
        {
        }

        public void Ended() => _ended.TrySetResult();

        public async ValueTask DisposeAsync()
        {
            await Waiting.WithinAsync(_activation.StopAsync(), "the end");
            _services.Dispose();
        }
    }
}
