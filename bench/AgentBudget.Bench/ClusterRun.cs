using System.Globalization;
using System.Net;

namespace AgentBudget.Bench;

/// <summary>
/// What silos over one store serve: reserves and commits of many tenants, called at all silos; and of one tenant,
/// through a Spend stream to each silo in turn, of which one is the tenant's owner. Or it fills that tenant's ledger.
/// </summary>
internal sealed class ClusterRun(BenchOptions options, Silo silo, ulong firstRequestId)
{
    private const string Hot = "bench-hot";
    private const int SessionsOfHot = 100;

    // Ids of one workload on one connection: more than a minute of calls.
    private const ulong IdsPerWorkload = 1UL << 24;

    private static readonly TimeSpan FillTime = TimeSpan.FromSeconds(5);

    private readonly CallHeaders _headers = new(silo.Grpc, silo.AdminKey);
    private readonly IPEndPoint[] _addresses = [.. silo.AllGrpc.Select(IPEndPoint.Parse)];
    private readonly string _run = $"bench-{firstRequestId:x}";
    private ulong _nextId = firstRequestId;

    /// <summary>Calls that were denied or failed.</summary>
    public long BadCalls { get; private set; }

    /// <summary>Measures, and writes a line a figure: what, where, how many a second.</summary>
    public async Task RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        using var setUp = new SetUp(silo, _run);
        if (options.Fill > 0)
        {
            await FillAsync(await setUp.OpenAsync(Hot, SessionsOfHot, cancellationToken), output);
            return;
        }

        if ("tenants".Contains(options.Only, StringComparison.Ordinal))
        {
            double spread = await SpreadAsync(setUp, cancellationToken);
            await output.WriteLineAsync(Line($"tenants {options.Tenants} {spread:F0}"));
        }

        if ("spend".Contains(options.Only, StringComparison.Ordinal))
            await ThroughEachAsync(setUp, output, cancellationToken);
    }

    private static string Line(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private async Task ThroughEachAsync(SetUp setUp, TextWriter output, CancellationToken cancellationToken)
    {
        BudgetSession[] hot = await setUp.OpenAsync(Hot, SessionsOfHot, cancellationToken);
        List<double>[] rates = [.. _addresses.Select(_ => new List<double>())];
        for (int round = 0; round <= options.Rounds; round++)
        {
            for (int place = 0; place < _addresses.Length; place++)
            {
                Measurement spent = await SpendAsync(place, hot, TimeSpan.FromSeconds(options.Seconds));
                if (round > 0) rates[place].Add(spent.CallsPerSecond); // The first warms up.
            }
        }

        for (int place = 0; place < _addresses.Length; place++)
            await output.WriteLineAsync(Line($"spend {_addresses[place]} {BenchResult.Median(rates[place]):F0}"));
    }

    private async Task<double> SpreadAsync(SetUp setUp, CancellationToken cancellationToken)
    {
        var sessions = new List<BudgetSession>();
        int each = Math.Max(1, options.Sessions / options.Tenants);
        for (int i = 0; i < options.Tenants; i++)
            sessions.AddRange(await setUp.OpenAsync($"bench-{i}", each, cancellationToken));
        using var runner = new LoadRunner(_addresses, options.Connections, options.Streams, serverProcessId: null);
        var rates = new List<double>();
        for (int round = 0; round <= options.Rounds; round++)
        {
            ulong firstId = TakeIds(options.Connections);
            Measurement measured = await runner.RunBusyAsync(
                "tenants", TimeSpan.FromSeconds(options.Seconds), connection => new BudgetWorkload(
                    CallSequence.ReserveCommit,
                    _headers,
                    [.. sessions.Where((_, i) => i % options.Connections == connection)],
                    firstId + ((ulong)connection * IdsPerWorkload),
                    open: []));
            Count(measured);
            if (round > 0) rates.Add(measured.CallsPerSecond);
        }

        return BenchResult.Median(rates);
    }

    private async Task FillAsync(BudgetSession[] sessions, TextWriter output)
    {
        long events = 0;
        while (events < options.Fill) events += (await SpendAsync(place: 0, sessions, FillTime)).Calls;
        await output.WriteLineAsync(Line($"filled {Hot} {events}"));
    }

    private async Task<Measurement> SpendAsync(int place, BudgetSession[] sessions, TimeSpan time)
    {
        using var runner = new LoadRunner([_addresses[place]], connections: 1, options.Streams, serverProcessId: null);
        var workload = new BudgetWorkload(CallSequence.ReserveCommit, _headers, sessions, TakeIds(1), open: []);
        Measurement measured = await runner.RunStreamAsync(
            "spend", time, options.Items, _headers.Of(_headers.Spend), workload);
        Count(measured);
        return measured;
    }

    private void Count(Measurement measured)
    {
        BadCalls += measured.Denied + measured.Failed;
        if (measured.Failed > 0)
            Console.Error.WriteLine($"{measured.Failed} calls failed, last with status {measured.LastFailedStatus}");
    }

    private ulong TakeIds(int workloads)
    {
        ulong first = _nextId;
        _nextId += (ulong)workloads * IdsPerWorkload;
        return first;
    }
}
