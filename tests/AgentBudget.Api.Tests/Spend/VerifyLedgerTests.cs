using AgentBudget.Api.Access;
using AgentBudget.Api.Spend;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Tests;
using AgentBudget.Storage;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Tests.Spend;

/// <summary>Over a store whose pages come when the test says so.</summary>
public sealed class VerifyLedgerTests : IAsyncLifetime
{
    private const string Tenant = "acme";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("agentbudget-verify-").FullName;
    private readonly InMemoryStore _store = new();
    private readonly ActivationHost _host;
    private readonly CheckpointKey _key;
    private readonly GatedStore _gated;
    private readonly VerifyLedger _verify;

    public VerifyLedgerTests()
    {
        _host = new ActivationHost(
            _store, new ActivationHostOptions(), TimeProvider.System, NullLoggerFactory.Instance);
        _key = CheckpointKey.LoadOrCreate(Path.Combine(_folder, "checkpoint.key"));
        _gated = new GatedStore(_store);
        ApiContext context = new(
            _host, tokens: null!, credentials: null!, reservations: null!, new NoPeers(), reports: null!);
        _verify = new VerifyLedger(context, _gated, _key);
    }

    public async ValueTask InitializeAsync()
    {
        await _host.StartAsync(CancellationToken.None);
        await ApplyAsync("first");
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _store.DisposeAsync();
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Turns_go_on_while_a_verification_waits_for_the_store()
    {
        Task<VerifyLedgerResponse> running = VerifyAsync();
        await _gated.Asked.Task.WaitAsync(Patience);

        for (int i = 0; i < 100; i++) await ApplyAsync($"meanwhile-{i}");

        Assert.False(running.IsCompleted);
        _gated.Gate.SetResult();
        VerifyLedgerResponse verified = await running.WaitAsync(Patience);
        Assert.Equal((true, 1), (verified.Clean, verified.Sequence));
    }

    [Fact]
    public async Task A_second_verification_is_told_to_come_back()
    {
        Task<VerifyLedgerResponse> running = VerifyAsync();
        await _gated.Asked.Task.WaitAsync(Patience);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => VerifyAsync());

        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        _gated.Gate.SetResult();
        await running.WaitAsync(Patience);
        Assert.True((await VerifyAsync()).Clean);
    }

    [Fact]
    public async Task A_tenant_that_asks_again_and_again_delays_another_by_one_verification()
    {
        await ApplyAsync("other", "globex");
        Task<VerifyLedgerResponse> noisy = VerifyAsync();
        await _gated.Asked.Task.WaitAsync(Patience);
        Task<VerifyLedgerResponse> quiet = VerifyAsync("globex");
        for (int i = 0; i < 100; i++)
        {
            RpcException refused = await Assert.ThrowsAsync<RpcException>(() => VerifyAsync());
            Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        }

        Assert.False(quiet.IsCompleted);
        _gated.Gate.SetResult();
        Assert.True((await noisy.WaitAsync(Patience)).Clean);
        Assert.True((await quiet.WaitAsync(Patience)).Clean);
    }

    [Fact]
    public async Task Who_leaves_the_line_lets_nobody_before_its_turn()
    {
        await ApplyAsync("other", "globex");
        Task<VerifyLedgerResponse> running = VerifyAsync();
        await _gated.Asked.Task.WaitAsync(Patience);
        using CancellationTokenSource gone = new();
        Task<VerifyLedgerResponse> leaving = VerifyAsync("globex", gone.Token);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving.WaitAsync(Patience));
        Task<VerifyLedgerResponse> behind = VerifyAsync("globex");
        Assert.False(behind.IsCompleted);
        _gated.Gate.SetResult();
        Assert.True((await running.WaitAsync(Patience)).Clean);
        Assert.True((await behind.WaitAsync(Patience)).Clean);
    }

    [Fact]
    public async Task A_caller_who_is_gone_ends_the_verification_and_the_next_one_runs()
    {
        using CancellationTokenSource gone = new();
        Task<VerifyLedgerResponse> running = VerifyAsync(cancellation: gone.Token);
        await _gated.Asked.Task.WaitAsync(Patience);

        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.WaitAsync(Patience));
        _gated.Gate.SetResult();
        Assert.True((await VerifyAsync()).Clean);
    }

    [Fact]
    public async Task A_store_that_cannot_be_read_is_unavailable_and_nothing_is_wrong_with_the_ledger()
    {
        _gated.Gate.SetException(new StoreException("the disk is away"));

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => VerifyAsync());

        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
    }

    [Fact]
    public async Task A_tenant_that_is_not_there_is_not_found()
    {
        RpcException refused =
            await Assert.ThrowsAsync<RpcException>(() => VerifyAsync("absent"));

        Assert.Equal(StatusCode.NotFound, refused.StatusCode);
    }

    private Task<VerifyLedgerResponse> VerifyAsync(string tenant = Tenant, CancellationToken cancellation = default) =>
        _verify.HandleAsync(new VerifyLedgerRequest(), AdminCall(tenant, cancellation)).AsTask();

    private async Task ApplyAsync(string requestId, string tenant = Tenant)
    {
        Catalog catalog = new() { Tenant = tenant, Currency = "USD", TimeZone = "UTC" };
        ApplyCatalogCommand command = new(
            new ApplyCatalogRequest { RequestId = requestId, Document = requestId }, catalog, [], "admin");
        Answer answer = await _host.SubmitAsync(tenant, command).AsTask().WaitAsync(Patience);
        Assert.Equal(Outcome.Done, answer.Outcome);
    }

    // A call of the operator.
    private static ApiCall AdminCall(string tenant, CancellationToken cancellation)
    {
        DefaultHttpContext http = new() { User = new CallerPrincipal(AdminCaller.Instance) };
        http.Request.Headers["agentbudget-tenant"] = tenant;
        return new ApiCall(http, "/agentbudget.v1.SpendService/VerifyLedger", cancellation);
    }

    /// <summary>The store of another, whose pages wait.</summary>
    private sealed class GatedStore(ILedgerStore inner) : ILedgerStore
    {
        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async ValueTask<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
            string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken)
        {
            Asked.TrySetResult();
            await Gate.Task.WaitAsync(cancellationToken);
            return await inner.ReadGroupsAsync(tenant, fromEvent, bytesMax, cancellationToken);
        }

        public ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken) =>
            inner.ReadHeadAsync(tenant, cancellationToken);

        public ValueTask<IReadOnlyList<StoredTenant>> ListTenantsAsync(CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public void BeginAppend(JournalGroup group, IAppendCompletion completion) => throw new NotSupportedException();

        public ValueTask<bool> SaveSnapshotAsync(
            string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<StoredSnapshot?> ReadSnapshotAsync(
            string tenant, long lastEventMax, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<bool> DropSnapshotsBeforeAsync(
            string tenant, long epoch, long lastEvent, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask<bool> ProbeSpaceAsync(CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
