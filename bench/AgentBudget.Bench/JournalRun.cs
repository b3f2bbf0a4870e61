using System.Diagnostics;
using System.Globalization;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Postgres;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Bench;

/// <summary>
/// What a PostgreSQL store takes by itself: several tenants, each with one group on its way, as silos append them. The
/// events are made before, so that what is measured is the way to the disk.
/// </summary>
internal static class JournalRun
{
    /// <summary>Events of a group of a busy tenant.</summary>
    private const int EventsPerGroup = 256;

    /// <summary>Bytes of an event that settles a call.</summary>
    private const int BytesPerEvent = 300;

    private const string TenantPrefix = "bench-journal-";

    /// <summary>Measures, and writes one line: events, groups and megabytes a second.</summary>
    public static async Task RunAsync(BenchOptions options, TextWriter output, CancellationToken cancellationToken)
    {
        await using PostgresStore store = await PostgresStore.OpenAsync(
            new PostgresStoreOptions { Connection = options.Journal! }, TimeProvider.System, NullLoggerFactory.Instance,
            cancellationToken);
        var rates = new List<double>();
        Writer[] writers = [.. Enumerable.Range(0, options.Tenants).Select(i => new Writer(store, TenantPrefix + i))];
        foreach (Writer writer in writers) await writer.AcquireAsync(cancellationToken);
        for (int round = 0; round <= options.Rounds; round++)
        {
            long began = Stopwatch.GetTimestamp();
            long end = began + (long)(options.Seconds * Stopwatch.Frequency);
            long[] groups = await Task.WhenAll(writers.Select(writer => writer.RunAsync(end)));
            double rate = groups.Sum() * EventsPerGroup / Stopwatch.GetElapsedTime(began).TotalSeconds;
            if (round > 0) rates.Add(rate); // The first warms up.
        }

        foreach (Writer writer in writers) writer.Dispose();
        double events = BenchResult.Median(rates);
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"journal {events:F0} events/s {events / EventsPerGroup:F0} groups/s "
            + $"{events * BytesPerEvent / 1_000_000:F1} MB/s by {options.Tenants} tenants"));
    }

    private sealed class Writer(PostgresStore store, string tenant) : IAppendCompletion, IDisposable
    {
        private readonly JournalGroup _group = NewGroup(tenant);
        private JournalHead _head;
        private long _epoch;
        private TaskCompletionSource<AppendOutcome> _answer = new();

        public async Task AcquireAsync(CancellationToken cancellationToken)
        {
            _epoch = await store.AcquireAsync(tenant, cancellationToken);
            _head = await store.ReadHeadAsync(tenant, cancellationToken);
        }

        /// <summary>Groups that became durable until then.</summary>
        public async Task<long> RunAsync(long endTicks)
        {
            long groups = 0;
            while (Stopwatch.GetTimestamp() < endTicks)
            {
                _group.Seal(_head, _epoch);
                _answer = new TaskCompletionSource<AppendOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
                store.BeginAppend(_group, this);
                AppendOutcome outcome = await _answer.Task;
                if (outcome != AppendOutcome.Appended)
                    throw new InvalidOperationException($"an append to {tenant} ended as {outcome}");
                _head = _group.Head;
                groups++;
            }

            return groups;
        }

        public void Dispose() => _group.Dispose();

        public void AppendCompleted(AppendOutcome outcome) => _answer.SetResult(outcome);

        // Bytes that do not compress, as tokens and ids do not.
        private static JournalGroup NewGroup(string tenant)
        {
            var group = new JournalGroup(tenant);
            var random = new Random(tenant.Length);
            for (int i = 0; i < EventsPerGroup; i++) random.NextBytes(group.AddEvent(BytesPerEvent));
            return group;
        }
    }
}
