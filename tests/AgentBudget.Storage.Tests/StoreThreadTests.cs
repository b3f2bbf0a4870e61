using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Sqlite;
using AgentBudget.Storage.Sqlite.Engine;
using AgentBudget.Storage.Sqlite.Files;
using Microsoft.Extensions.Logging.Abstractions;
using SQLitePCL;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

/// <summary>What the store's thread does when SQLite or the marker refuses.</summary>
public sealed class StoreThreadTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agentbudget-thread-").FullName;
    private readonly StoreFolder _taken;
    private readonly SqliteEngine _engine;
    private readonly CompletenessMarker _marker;
    private readonly TenantTable _tenants;
    private readonly StoreThread _thread;
    private readonly List<StoreException> _failures = [];
    private long _epoch;

    public StoreThreadTests()
    {
        _taken = StoreFolder.Take(Path.Combine(_folder, "ledger"));
        _engine = SqliteEngine.Open(_taken);
        _tenants = new TenantTable(_engine);
        _marker = CompletenessMarker.Create(_taken);
        _thread = new StoreThread(
            _engine, new JournalTable(_engine, _tenants), _marker, _failures.Add, NullLogger.Instance);
    }

    public async ValueTask InitializeAsync() =>
        _epoch = await RunAsync(() => _thread.RunWrite(() => _tenants.Acquire(Tenant)));

    public async ValueTask DisposeAsync()
    {
        _thread.Stop();
        await _thread.Ended.WaitAsync(Patience);
        _thread.Dispose();
        _marker.Dispose();
        _engine.Dispose();
        _taken.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task The_thread_runs_in_short_slices_where_the_system_has_them()
    {
        ulong ordinary = NativeThreads.ReadSliceNanos();
        ulong slice = await RunAsync(NativeThreads.ReadSliceNanos);
        Assert.Equal(ordinary == 0 ? 0 : NativeThreads.SliceNanos, slice);
        Assert.NotEqual(NativeThreads.SliceNanos, ordinary);
    }

    [Fact]
    public async Task A_full_database_refuses_the_append_and_takes_it_once_there_is_space()
    {
        JournalHead head = await AppendedAsync(JournalHead.Empty, "a");
        await SqlAsync("PRAGMA max_page_count = 1"); // SQLite takes it as "no more than now".
        using JournalGroup group = Group(head, _epoch, new string('x', 100_000));
        Assert.Equal(AppendOutcome.NoSpace, await AppendAsync(group));
        Assert.Equal(AppendOutcome.NoSpace, await AppendAsync(group));
        Assert.Empty(_failures);
        await SqlAsync("PRAGMA max_page_count = 1000000");
        Assert.Equal(AppendOutcome.Appended, await AppendAsync(group));
    }

    [Fact]
    public async Task Any_other_error_of_a_write_is_unknown_is_told_once_and_ends_the_store()
    {
        await SqlAsync("DROP TABLE journal");
        using JournalGroup group = Group(JournalHead.Empty, _epoch, "a");
        Assert.Equal(AppendOutcome.Unknown, await AppendAsync(group));
        Assert.Equal(AppendOutcome.Unknown, await AppendAsync(group));
        StoreException failure = Assert.Single(_failures);
        Assert.Contains("outcome is unknown", failure.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreException>(() => RunAsync(() => _tenants.List().Count));
    }

    [Fact]
    public async Task The_failure_is_told_before_anyone_is_answered()
    {
        await SqlAsync("DROP TABLE journal");
        using JournalGroup group = Group(JournalHead.Empty, _epoch, "a");
        var completion = new Completion();
        int toldBefore = -1;
        _thread.Append(group, new Callback(outcome =>
        {
            toldBefore = _failures.Count;
            completion.AppendCompleted(outcome);
        }));
        Assert.Equal(AppendOutcome.Unknown, await completion.OutcomeAsync());
        Assert.Equal(1, toldBefore);
    }

    [Fact]
    public async Task The_marker_knows_a_group_before_it_is_answered()
    {
        JournalHead head = await AppendedAsync(JournalHead.Empty, "a");
        Assert.Equal((1, head.Hash), (_marker.Position, _marker.Hash));
        head = await AppendedAsync(head, "b");
        Assert.Equal((2, head.Hash), (_marker.Position, _marker.Hash));
        using CompletenessMarker? read = CompletenessMarker.TryOpen(_taken.Marker);
        Assert.Equal((2, head.Hash), (read!.Position, read.Hash));
    }

    [Fact]
    public async Task A_fenced_group_does_not_harm_its_neighbours_in_the_same_commit()
    {
        long other = await RunAsync(() => _thread.RunWrite(() => _tenants.Acquire("other")));
        var completions = new Completion[3];
        using JournalGroup first = Group(JournalHead.Empty, _epoch, "a");
        using JournalGroup stale = Group("other", JournalHead.Empty, other + 1, "b");
        using JournalGroup second = Group(first.Head, _epoch, "c");
        using var isBusy = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        var block = new StoreRequest<int>(
            () =>
            {
                isBusy.Set();
                Assert.True(goOn.Wait(Patience));
                return 0;
            },
            default);
        _thread.Enqueue(block);
        Assert.True(isBusy.Wait(Patience));
        JournalGroup[] groups = [first, stale, second];
        for (int i = 0; i < groups.Length; i++) _thread.Append(groups[i], completions[i] = new Completion());
        goOn.Set();
        Assert.Equal(AppendOutcome.Appended, await completions[0].OutcomeAsync());
        Assert.Equal(AppendOutcome.FenceLost, await completions[1].OutcomeAsync());
        Assert.Equal(AppendOutcome.Appended, await completions[2].OutcomeAsync());
        Assert.Equal(second.Hash, _marker.Hash);
    }

    [Theory]
    [InlineData(raw.SQLITE_FULL, WriteFault.NoSpace)]
    [InlineData(raw.SQLITE_IOERR, WriteFault.Failed)]
    [InlineData(raw.SQLITE_IOERR_FSYNC, WriteFault.Failed)]
    [InlineData(raw.SQLITE_IOERR_WRITE, WriteFault.Failed)]
    [InlineData(raw.SQLITE_CORRUPT, WriteFault.Failed)]
    [InlineData(raw.SQLITE_NOTADB, WriteFault.Failed)]
    [InlineData(raw.SQLITE_CANTOPEN, WriteFault.Failed)]
    [InlineData(raw.SQLITE_READONLY, WriteFault.Failed)]
    public void Errors_of_a_write_are_sorted_in_one_place(int code, object expected) =>
        Assert.Equal(expected, new SqliteFaultException(code, "").WriteFault);

    private async Task<JournalHead> AppendedAsync(JournalHead previous, string text)
    {
        using JournalGroup group = Group(previous, _epoch, text);
        Assert.Equal(AppendOutcome.Appended, await AppendAsync(group));
        return group.Head;
    }

    private Task<AppendOutcome> AppendAsync(JournalGroup group)
    {
        var completion = new Completion();
        _thread.Append(group, completion);
        return completion.OutcomeAsync();
    }

    private Task<int> SqlAsync(string sql) => RunAsync(() => raw.sqlite3_exec(_engine.Database, sql));

    private Task<T> RunAsync<T>(Func<T> run)
    {
        var request = new StoreRequest<T>(run, default);
        _thread.Enqueue(request);
        return request.Result.WaitAsync(Patience);
    }

    private sealed class Callback(Action<AppendOutcome> completed) : IAppendCompletion
    {
        public void AppendCompleted(AppendOutcome outcome) => completed(outcome);
    }
}
