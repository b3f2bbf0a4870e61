using AgentBudget.Api.Spend;
using AgentBudget.Grains;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using AgentBudget.Storage;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using Microsoft.Extensions.Logging.Abstractions;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Tests.Spend;

/// <summary>Over a store whose pages come when the test says so.</summary>
public sealed class VerifyLedgerTests : IAsyncLifetime, IAsyncDisposable
{
    private const string Tenant = "acme";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("agentbudget-verify-").FullName;
    private readonly InMemoryStore _store = new();
    private readonly TenantHost _host;
    private readonly CheckpointKey _key;
    private readonly GatedStore _gated;
    private readonly VerifyLedger _verify;

    public VerifyLedgerTests()
    {
        _host = new TenantHost(_store, new TenantHostOptions(), TimeProvider.System, NullLoggerFactory.Instance);
        _key = CheckpointKey.LoadOrCreate(Path.Combine(_folder, "checkpoint.key"));
        _gated = new GatedStore(_store);
        ApiContext context = new(_host, tokens: null!, proofs: null!, credentials: null!);
        _verify = new VerifyLedger(context, _gated, _key);
    }

    public async Task InitializeAsync()
    {
        await _host.StartAsync(CancellationToken.None);
        await ApplyAsync("first");
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        await _store.DisposeAsync();
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

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

        Assert.Equal(RpcStatusCode.ResourceExhausted, refused.StatusCode);
        _gated.Gate.SetResult();
        await running.WaitAsync(Patience);
        Assert.True((await VerifyAsync()).Clean);
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

        Assert.Equal(RpcStatusCode.Unavailable, refused.StatusCode);
    }

    [Fact]
    public async Task A_tenant_that_is_not_there_is_not_found()
    {
        RpcException refused =
            await Assert.ThrowsAsync<RpcException>(() => VerifyAsync("absent"));

        Assert.Equal(RpcStatusCode.NotFound, refused.StatusCode);
    }

    private Task<VerifyLedgerResponse> VerifyAsync(string tenant = Tenant, CancellationToken cancellation = default) =>
        _verify.HandleAsync(new VerifyLedgerRequest(), new AdminCall(tenant, cancellation)).AsTask();

    private async Task ApplyAsync(string requestId)
    {
        Catalog catalog = new() { Tenant = Tenant, Currency = "USD", TimeZone = "UTC" };
        ApplyCatalogCommand command = new(
            new ApplyCatalogRequest { RequestId = requestId, Document = requestId }, catalog, [], "admin");
        Answer answer = await _host.SubmitAsync(Tenant, command).AsTask().WaitAsync(Patience);
        Assert.Equal(Outcome.Done, answer.Outcome);
    }

    /// <summary>A call of the operator.</summary>
    private sealed class AdminCall(string tenant, CancellationToken cancellation) : RpcCall
    {
        public override RpcMethod Method => throw new NotSupportedException();

        public override string Verb => "POST";

        public override RpcPeer Peer => throw new NotSupportedException();

        public override string? Authorization => null;

        public override object? Remembered { get; set; }

        public override long? DeadlineUnixNanos => null;

        public override TimeSpan? TimeRemaining => null;

        public override CancellationToken Cancellation => cancellation;

        public override object? User { get; set; } = AdminCaller.Instance;

        public override bool CompressesResponse { get; set; }

        public override string? GetMetadata(string name) => name == "agentbudget-tenant" ? tenant : null;

        public override byte[]? GetBinaryMetadata(string name) => null;

        public override void AddResponseHeader(string name, string value) => throw new NotSupportedException();

        public override void AddResponseTrailer(string name, string value) => throw new NotSupportedException();
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
