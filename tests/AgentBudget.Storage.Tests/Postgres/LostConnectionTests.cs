using System.Globalization;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Postgres;
using Microsoft.Extensions.Logging.Abstractions;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests.Postgres;

/// <summary>
/// Connections are ended and the server crashes while groups are committed. Whoever appends goes on as a tenant does:
/// after an outcome that nobody knows it acquires a new epoch, reads the head, and sends again what is not there. In
/// the end each group is there once. The numbers grow with AGENTBUDGET_POSTGRES_KILLS and AGENTBUDGET_POSTGRES_CRASHES,
/// which eng/faults/postgres.sh sets.
/// </summary>
[Collection(PostgresTests.Name)]
public sealed class LostConnectionTests(PostgresServers servers, ITestOutputHelper output)
{
    private const int Writers = 4;

    private static readonly TimeSpan LongPatience = TimeSpan.FromMinutes(5);

    private PostgresServer Server => servers.Server;

    [Fact]
    public async Task Every_group_is_there_once_however_often_its_connection_is_ended()
    {
        string database = await Server.CreateStoreAsync();
        int kills = Number("AGENTBUDGET_POSTGRES_KILLS", otherwise: 20);
        await RunAsync(database, kills, () => Server.SqlAsync(database, """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE application_name LIKE 'agentbudget%' AND datname = current_database() AND state = 'active'
            """));
    }

    [Fact]
    public async Task Every_group_is_there_once_however_often_the_server_crashes()
    {
        string database = await Server.CreateStoreAsync();
        int crashes = Number("AGENTBUDGET_POSTGRES_CRASHES", otherwise: 2);
        await RunAsync(database, crashes, Server.CrashAsync);
    }

    private async Task RunAsync(string database, int faults, Func<Task> fault)
    {
        await using PostgresStore store = await PostgresStore.OpenAsync(
            new PostgresStoreOptions { Connection = Server.Connection(database) },
            TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        Writer[] writers = [.. Enumerable.Range(0, Writers).Select(i => new Writer(store, $"tenant-{i}"))];
        Task[] writing = [.. writers.Select(writer => Task.Run(writer.WriteAsync))];
        for (int i = 0; i < faults; i++)
        {
            await WriteMoreAsync(1 + (i % 7));
            await fault();
        }

        await WriteMoreAsync(5);
        foreach (Writer writer in writers) writer.Stop();
        await Task.WhenAll(writing).WaitAsync(LongPatience);
        foreach (Writer writer in writers)
        {
            List<string> expected = [.. Enumerable.Range(0, writer.Written).Select(i => $"{i}")];
            IReadOnlyList<StoredGroup> read = await store.ReadAsync(tenant: writer.Tenant);
            Assert.Equal(expected, Texts(read, writer.Tenant));
            Verify(read, writer.Tenant);
            output.WriteLine($"{writer.Tenant}: {writer.Written} groups, {writer.Unknown} unknown outcomes");
        }

        Assert.Contains(writers, writer => writer.Unknown > 0);

        // Unless one of them failed.
        async Task WriteMoreAsync(int groups)
        {
            Task wrote = Task.WhenAll(writers.Select(writer => writer.WroteAsync(groups, LongPatience)));
            await await Task.WhenAny([wrote, .. writing]);
            await wrote;
        }
    }

    private static int Number(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : otherwise;

    /// <summary>Appends numbers, one a group, each exactly once.</summary>
    private sealed class Writer(PostgresStore store, string tenant)
    {
        private volatile bool _isStopping;
        private int _written;
        private int _unknown;
        private TaskCompletionSource _progress = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public string Tenant => tenant;

        public int Written => Volatile.Read(ref _written);

        public int Unknown => Volatile.Read(ref _unknown);

        public void Stop() => _isStopping = true;

        public async Task WroteAsync(int more, TimeSpan patience)
        {
            int wanted = Written + more;
            while (Written < wanted) await Volatile.Read(ref _progress).Task.WaitAsync(patience);
        }

        public async Task WriteAsync()
        {
            long epoch = await store.AcquireAsync(tenant);
            JournalHead head = await store.HeadAsync(tenant);
            while (!_isStopping)
            {
                using JournalGroup group = Group(tenant, head, epoch, $"{_written}");
                AppendOutcome outcome = await store.AppendAsync(group);
                Assert.NotEqual(AppendOutcome.FenceLost, outcome);
                JournalHead then = group.Head;
                if (outcome != AppendOutcome.Appended)
                {
                    Interlocked.Increment(ref _unknown);
                    epoch = await PostgresStoreTests.UntilThereAsync(() => store.AcquireAsync(tenant));
                    JournalHead found = await PostgresStoreTests.UntilThereAsync(() => store.HeadAsync(tenant));
                    Assert.True(found == head || found == then, "the head is neither before the group nor behind it");
                    then = found;
                }

                if (then == head) continue;
                head = then;
                Interlocked.Increment(ref _written);
                Interlocked.Exchange(
                    ref _progress, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))
                    .SetResult();
            }
        }
    }
}
