using System.Globalization;
using AgentBudget.Storage.Journal;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

/// <summary>
/// Appends numbers, one a group, each exactly once, as a tenant does: after an outcome that nobody knows it acquires a
/// new epoch, reads the head, and sends again what is not there.
/// </summary>
internal sealed class NumberWriter(ILedgerStore store, string tenant)
{
    private const int Writers = 4;

    private static readonly TimeSpan LongPatience = TimeSpan.FromMinutes(5);

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
                epoch = await UntilThereAsync(() => store.AcquireAsync(tenant));
                JournalHead found = await UntilThereAsync(() => store.HeadAsync(tenant));
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

    /// <summary>How often something goes wrong: more in the long form of a test.</summary>
    public static int Times(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : otherwise;

    /// <summary>
    /// Some tenants are written while faults happen; in the end each group is there once, and not every answer was
    /// heard.
    /// </summary>
    public static async Task WriteUnderAsync(
        ILedgerStore store, int faults, Func<Task> fault, ITestOutputHelper output)
    {
        NumberWriter[] writers = [.. Enumerable.Range(0, Writers).Select(i => new NumberWriter(store, $"tenant-{i}"))];
        Task[] writing = [.. writers.Select(writer => Task.Run(writer.WriteAsync))];
        for (int i = 0; i < faults; i++)
        {
            await WriteMoreAsync(1 + (i % 7));
            await fault();
        }

        await WriteMoreAsync(5);
        foreach (NumberWriter writer in writers) writer.Stop();
        await Task.WhenAll(writing).WaitAsync(LongPatience);
        foreach (NumberWriter writer in writers)
        {
            await writer.AssertWrittenAsync();
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

    /// <summary>What it wrote is in the store: each number once, in order.</summary>
    private async Task AssertWrittenAsync()
    {
        List<string> expected = [.. Enumerable.Range(0, Written).Select(i => $"{i}")];
        IReadOnlyList<StoredGroup> read = await store.ReadAsync(tenant: tenant);
        Assert.Equal(expected, Texts(read, tenant));
        Verify(read, tenant);
    }
}
