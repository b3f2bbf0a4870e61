using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using AgentBudget.Runtime.Metrics;
using AgentBudget.Runtime.Tenants;
using AgentBudget.Runtime.Time;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Runtime;

/// <summary>
/// What the activations of one silo share: store, clock, bounds, metrics. Made once and disposed after the last
/// activation has ended. Thread-safe.
/// </summary>
public sealed class ActivationServices : IDisposable
{
    private readonly ConcurrentDictionary<TenantActivation, byte> _activations = new();

    /// <summary>Throws <see cref="ArgumentOutOfRangeException"/> for options out of range.</summary>
    /// <param name="store">Where the ledgers are; stays the caller's.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="time">Wall clock, steady clock and timers.</param>
    /// <param name="loggers">Logs.</param>
    /// <param name="clock">Log time; one of its own by default.</param>
    public ActivationServices(
        ILedgerStore store,
        ActivationOptions options,
        TimeProvider time,
        ILoggerFactory loggers,
        LogClock? clock = null)
        : this(store, options, time, loggers, new TenantLedgers(), clock)
    {
    }

    internal ActivationServices(
        ILedgerStore store,
        ActivationOptions options,
        TimeProvider time,
        ILoggerFactory loggers,
        ITurnLedgers ledgers,
        LogClock? clock = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        Store = store;
        Options = options;
        Time = time;
        Logger = loggers.CreateLogger<TenantActivation>();
        Loader = new LedgerLoader(store, ledgers, options.EventsVerifiedFirstMax, Logger);
        Snapshots = new SnapshotKeeper(store, ledgers, options.SnapshotRestoredBytesMax, Logger);
        Space = new StoreSpace(store, time, StepAll, Logger);
        Loads = new SemaphoreSlim(options.LoadsAtOnceMax);
        Clock = clock ?? new LogClock(time, Logger);
        Clock.Jumped += TickAll;
        Metrics = new RuntimeMetrics(() => _activations.Keys, Clock);
    }

    /// <summary>
    /// What is measured here: ledger events, decisions, appends, tenants, sessions, queues. Nothing of a spend is in it
    /// before it is durable.
    /// </summary>
    public Meter Meter => Metrics.Meter;

    /// <summary>Log time, in nanos since the Unix epoch.</summary>
    public long NowNanos => Clock.NowNanos();

    internal ILedgerStore Store { get; }

    internal ActivationOptions Options { get; }

    internal TimeProvider Time { get; }

    internal ILogger Logger { get; }

    internal LedgerLoader Loader { get; }

    internal SnapshotKeeper Snapshots { get; }

    internal StoreSpace Space { get; }

    /// <summary>One turn for each tenant that may load at once.</summary>
    internal SemaphoreSlim Loads { get; }

    internal LogClock Clock { get; }

    internal RuntimeMetrics Metrics { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Clock.Jumped -= TickAll;
        Space.Dispose();
        Metrics.Dispose();
        Loads.Dispose();
    }

    internal void Began(TenantActivation activation) => _activations.TryAdd(activation, 0);

    internal void Ended(TenantActivation activation) => _activations.TryRemove(activation, out _);

    // Their timers count steady time, and log time is ahead of it now.
    private void TickAll()
    {
        foreach (TenantActivation activation in InOrder()) activation.Tick();
    }

    private void StepAll()
    {
        foreach (TenantActivation activation in InOrder()) activation.Schedule();
    }

    // The order of a set of objects is chance; by name the same happens again in the same order.
    private IEnumerable<TenantActivation> InOrder() =>
        _activations.Keys.OrderBy(activation => activation.Tenant, StringComparer.Ordinal);
}
