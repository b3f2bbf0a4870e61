using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Checkpoints;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Silo.Tests;

/// <summary>The file is written without anyone asking.</summary>
public sealed class CheckpointKeeperTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("agentbudget-keeper-").FullName;
    private readonly InMemoryStore _store = new();
    private readonly FakeTimeProvider _time = new();
    private readonly FakeLogger _log = new();
    private readonly Host _host = new();
    private readonly CheckpointKey _key;

    public CheckpointKeeperTests() => _key = CheckpointKey.LoadOrCreate(Path.Combine(_folder, "checkpoint.key"));

    private string File => Path.Combine(_folder, "kept", "ledger.checkpoints");

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        _host.Dispose();
        await _store.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Ledgers_that_moved_are_signed_every_minute_and_at_the_stop()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        CheckpointKeeper keeper = Keeper();
        keeper.Follow(_host);
        await AppendAsync("acme");
        await AppendAsync("zoo");
        await MinuteAsync();
        await MinuteAsync(); // By now the first minute's work is done.
        Assert.Equal([("acme", 1L), ("zoo", 1L)], Kept());
        string zoo = System.IO.File.ReadAllLines(File)[1];

        await AppendAsync("acme");
        await keeper.DisposeAsync();

        Assert.Equal([("acme", 2L), ("zoo", 1L)], Kept());
        Assert.Equal(zoo, System.IO.File.ReadAllLines(File)[1]);
        Assert.Equal(0, _log.Collector.Count);
        await Keeper().CompareAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_file_that_cannot_be_written_is_told_and_tried_again()
    {
        CheckpointKeeper keeper = Keeper();
        keeper.Follow(_host);
        await AppendAsync("acme");
        await MinuteAsync();
        await MinuteAsync();
        Assert.Contains("could not be kept", _log.Collector.GetSnapshot()[0].Message, StringComparison.Ordinal);

        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        await keeper.DisposeAsync();

        Assert.Equal([("acme", 1L)], Kept());
    }

    private CheckpointKeeper Keeper() => new(File, _key, _store, _time, _log);

    private IEnumerable<(string Tenant, long Sequence)> Kept() => CheckpointFile.Read(File, _key.ToVerifier())
        .Select(kept => (kept.Checkpoint.Tenant, kept.Checkpoint.Sequence));

    // The keeper asks for the tenants first, one minute after the other.
    private async Task MinuteAsync()
    {
        _time.Advance(CheckpointKeeper.Interval);
        Assert.True(await _host.Asked.WaitAsync(Patience), "nobody asked for the tenants in that minute");
    }

    private async Task AppendAsync(string tenant)
    {
        long epoch = await _store.AcquireAsync(tenant, CancellationToken.None);
        JournalHead head = await _store.ReadHeadAsync(tenant, CancellationToken.None);
        byte[] bytes = new LedgerEvent
        {
            Sequence = head.LastEvent + 1,
            Time = Timestamp.FromDateTimeOffset(_time.GetUtcNow()),
        }.ToByteArray();
        using JournalGroup group = new(tenant);
        bytes.CopyTo(group.AddEvent(bytes.Length));
        group.Seal(head, epoch);
        _store.BeginAppend(group, new Ignored());
        _host.Durable[tenant] = group.Head.LastEvent;
    }

    private sealed class Ignored : IAppendCompletion
    {
        public void AppendCompleted(AppendOutcome outcome) => Assert.Equal(AppendOutcome.Appended, outcome);
    }

    /// <summary>Says where ledgers end, and when it was asked.</summary>
    private sealed class Host : ITenantHost, IDisposable
    {
        public SortedDictionary<string, long> Durable { get; } = new(StringComparer.Ordinal);

        public SemaphoreSlim Asked { get; } = new(0);

        public IReadOnlyList<string> Tenants
        {
            get
            {
                Asked.Release();
                return [.. Durable.Keys];
            }
        }

        public ValueTask<long> DurableSequenceAsync(string tenant, CancellationToken cancellationToken) =>
            ValueTask.FromResult(Durable[tenant]);

        public void Submit(string tenant, Command command, PendingCommand pending) =>
            throw new NotSupportedException();

        public ValueTask<IReadOnlyList<LedgerEvent>> ReadAsync(
            string tenant, long fromSequence, int eventsMax, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public IAsyncEnumerable<IReadOnlyList<LedgerEvent>> WatchAsync(
            string tenant, long fromSequence, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public IAsyncEnumerable<Reply> WatchSessionAsync(
            string tenant, long session, CancellationToken cancellationToken) => throw new NotSupportedException();

        public void Dispose() => Asked.Dispose();
    }
}
