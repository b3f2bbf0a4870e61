using System.Diagnostics.Metrics;
using AgentBudget.Runtime.Time;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Runtime.Metrics;

/// <summary>
/// What a host measures. Most is read from what is there anyway when somebody asks; a group costs one lock and two
/// records, a command nothing.
/// </summary>
internal sealed class RuntimeMetrics : IDisposable
{
    // From a fast disk's sync to one that makes callers give up.
    private static readonly double[] SecondsBounds =
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

    // From one call alone to a full group.
    private static readonly double[] EventsBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

    private readonly Func<IEnumerable<TenantActivation>> _activations;
    private readonly long[] _appends = new long[Enum.GetValues<AppendOutcome>().Length];
    private readonly long[] _drops = new long[Enum.GetValues<DropCause>().Length];
    private readonly Histogram<double> _appendSeconds;
    private readonly Histogram<double> _loadSeconds;
    private readonly Histogram<double> _groupEvents;

    /// <param name="activations">The tenants, asked for at each reading.</param>
    /// <param name="clock">Log time.</param>
    internal RuntimeMetrics(Func<IEnumerable<TenantActivation>> activations, LogClock clock)
    {
        _activations = activations;
        Meter.CreateObservableCounter(
            "agentbudget.ledger.events", Ledger.ReadFacts, "{event}", "Ledger events that became durable, by fact.");
        Meter.CreateObservableCounter(
            "agentbudget.decisions", Ledger.ReadDecisions, "{decision}", "Durable decisions, and why they denied.");
        Meter.CreateObservableCounter(
            "agentbudget.settled.tokens", Ledger.ReadSettledTokens, "{token}", "Tokens that were settled durably.");
        Meter.CreateObservableCounter(
            "agentbudget.appends", ReadAppends, "{append}", "Groups that were appended to journals, by outcome.");
        Meter.CreateObservableCounter(
            "agentbudget.tenant.drops", ReadDrops, "{drop}", "Times that a tenant's memory was given up, by cause.");
        Meter.CreateObservableGauge("agentbudget.tenants", ReadTenants, "{tenant}", "Tenants, by state.");
        Meter.CreateObservableGauge(
            "agentbudget.sessions",
            () => Sum(activation => activation.OpenSessions),
            "{session}",
            "Sessions that may spend.");
        Meter.CreateObservableGauge(
            "agentbudget.commands.waiting", ReadWaiting, "{command}", "Commands that wait for their turn or its sync.");
        Meter.CreateObservableGauge(
            "agentbudget.log_time.lag",
            () => clock.Lag.TotalSeconds,
            "s",
            "How far log time lags the wall clock; above a minute nothing new is decided.");
        _appendSeconds = Meter.CreateHistogram(
            "agentbudget.append", "s", "From handing a group to the store to its answer.", tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = SecondsBounds });
        _loadSeconds = Meter.CreateHistogram(
            "agentbudget.tenant.load", "s", "From the wish to load a tenant to its first turn.", tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = SecondsBounds });
        _groupEvents = Meter.CreateHistogram(
            "agentbudget.group.events", "{event}", "Events of a group.", tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = EventsBounds });
    }

    internal Meter Meter { get; } = new("AgentBudget.Runtime");

    internal LedgerCounts Ledger { get; } = new();

    /// <summary>A group was handed to the store.</summary>
    internal void AppendBegun(JournalGroup group) => _groupEvents.Record(group.Events);

    /// <summary>The store answered. Any thread.</summary>
    internal void AppendEnded(AppendOutcome outcome, TimeSpan took)
    {
        Interlocked.Increment(ref _appends[(int)outcome]);
        _appendSeconds.Record(took.TotalSeconds);
    }

    /// <summary>A tenant is in memory, and its first turn can be taken.</summary>
    internal void Loaded(TimeSpan took) => _loadSeconds.Record(took.TotalSeconds);

    /// <summary>A tenant's memory was given up for a reason that is not its silo's end.</summary>
    internal void Dropped(DropCause cause) => Interlocked.Increment(ref _drops[(int)cause]);

    public void Dispose() => Meter.Dispose();

    private static string WordOf(AppendOutcome outcome) => outcome switch
    {
        AppendOutcome.Appended => "appended",
        AppendOutcome.FenceLost => "fence_lost",
        AppendOutcome.NoSpace => "no_space",
        AppendOutcome.Unknown => "unknown",
    };

    private IEnumerable<Measurement<long>> ReadAppends() => Enum.GetValues<AppendOutcome>().Select(
        outcome => Of(Interlocked.Read(ref _appends[(int)outcome]), "outcome", WordOf(outcome)));

    private static string WordOf(DropCause cause) => cause switch
    {
        DropCause.FenceLost => "fence_lost",
        DropCause.Reload => "reload",
        DropCause.NoSpace => "no_space",
        DropCause.Damage => "damage",
    };

    private IEnumerable<Measurement<long>> ReadDrops() => Enum.GetValues<DropCause>().Select(
        cause => Of(Interlocked.Read(ref _drops[(int)cause]), "cause", WordOf(cause)));

    private IEnumerable<Measurement<long>> ReadTenants()
    {
        Dictionary<string, long> counts = TenantActivation.States.ToDictionary(state => state, _ => 0L);
        foreach (TenantActivation activation in _activations()) counts[activation.State]++;
        return counts.Select(pair => Of(pair.Value, "state", pair.Key));
    }

    private IEnumerable<Measurement<long>> ReadWaiting() =>
    [
        Of(Sum(activation => activation.WaitingCommands), "kind", "command"),
        Of(Sum(activation => activation.WaitingSettlements), "kind", "settlement"),
    ];

    private long Sum(Func<TenantActivation, long> value) => _activations().Sum(value);

    private static Measurement<long> Of(long value, string label, string word) =>
        new(value, new KeyValuePair<string, object?>(label, word));
}

/// <summary>Why a tenant's memory was given up while its silo serves.</summary>
internal enum DropCause
{
    /// <summary>Another activation owns the tenant: there were two of them.</summary>
    FenceLost,

    /// <summary>It is loaded again here: the store's answers were lost, or a turn hit a defect.</summary>
    Reload,

    /// <summary>The store has no space.</summary>
    NoSpace,

    /// <summary>The journal is not what it should be.</summary>
    Damage,
}
