using AgentBudget.Bench;
using AgentBudget.Bench.Ledger;
using AgentBudget.Storage;

const int ExitNotMeasured = 1;
const int ExitUsage = 64;

if (args is ["--help" or "-h"])
{
    Console.WriteLine(BenchOptions.Help);
    return 0;
}

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (FormatException exception)
{
    Console.Error.WriteLine($"{exception.Message}; see --help");
    return ExitUsage;
}

if (options.IsOfCatalog) return CatalogBench.Run(Console.Out) ? 0 : ExitNotMeasured;
if (options.IsOfLedger) return LedgerBench.Run(Console.Out) ? 0 : ExitNotMeasured;

using var cancellation = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    cancellation.Cancel();
};
try
{
    if (options.Journal is not null) return await MeasureJournalAsync(options, cancellation.Token);
    if (options.IsCluster || options.Fill > 0) return await MeasureClusterAsync(options, cancellation.Token);
    if (options.IsMemory) return await MeasureMemoryAsync(options, cancellation.Token);
    return options.IsDecommission
        ? await MeasureDecommissionAsync(options, cancellation.Token)
        : await MeasureAsync(options, cancellation.Token);
}
catch (Exception exception) when (exception is IOException or InvalidOperationException or TimeoutException
    or StoreException or HttpRequestException or OperationCanceledException)
{
    Console.Error.WriteLine(exception.Message);
    return ExitNotMeasured;
}

static async Task<int> MeasureAsync(BenchOptions options, CancellationToken cancellationToken)
{
    using var silo = await Silo.StartAsync(options, cancellationToken);
    using var run = new BenchRun(options, silo, FirstRequestId());
    var result = await run.RunAsync(cancellationToken);
    Console.Write(result.ToTable());
    if (options.JsonFile is not null)
        await File.WriteAllTextAsync(options.JsonFile, result.ToJson(), cancellationToken);
    return result.BadCalls == 0 ? 0 : ExitNotMeasured;
}

static async Task<int> MeasureMemoryAsync(BenchOptions options, CancellationToken cancellationToken)
{
    using var silo = await Silo.StartAsync(options, cancellationToken);
    var run = new MemoryRun(options, silo, FirstRequestId());
    await run.RunAsync(cancellationToken);
    Console.Write(run.ToTable());
    return 0;
}

static async Task<int> MeasureClusterAsync(BenchOptions options, CancellationToken cancellationToken)
{
    using var silo = await Silo.StartAsync(options, cancellationToken);
    var run = new ClusterRun(options, silo, FirstRequestId());
    await run.RunAsync(Console.Out, cancellationToken);
    return run.BadCalls == 0 ? 0 : ExitNotMeasured;
}

static async Task<int> MeasureJournalAsync(BenchOptions options, CancellationToken cancellationToken)
{
    await JournalRun.RunAsync(options, Console.Out, cancellationToken);
    return 0;
}

static async Task<int> MeasureDecommissionAsync(BenchOptions options, CancellationToken cancellationToken)
{
    using var silo = await Silo.StartAsync(options, cancellationToken);
    using var run = new DecommissionRun(options, silo, FirstRequestId());
    await run.RunAsync(cancellationToken);
    Console.Write(run.ToTable());
    return run.BadCalls == 0 ? 0 : ExitNotMeasured;
}

// Ids that a silo which was measured before has not seen: they count up with the clock, a million a millisecond.
static ulong FirstRequestId() => (ulong)TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() << 20;
