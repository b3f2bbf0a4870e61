using AgentBudget.Runtime.Metrics;
using AgentBudget.Runtime.Time;
using AgentBudget.Storage;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Runtime.Tenants;

/// <summary>What all tenants of a host share.</summary>
/// <param name="Store">Where ledgers are kept.</param>
/// <param name="Loader">Loads tenants.</param>
/// <param name="Snapshots">Stores snapshots.</param>
/// <param name="Space">Whether writes are tried.</param>
/// <param name="Loads">One turn for each tenant that may load at once.</param>
/// <param name="Clock">Log time.</param>
/// <param name="Time">Timers.</param>
/// <param name="Options">Bounds.</param>
/// <param name="RunSoon">Runs a slot's steps, and its answers, soon and elsewhere than in the call; once for each call.
/// </param>
/// <param name="OnFirstEvent">Told when a tenant is seen to have a ledger; more than once does no harm.</param>
/// <param name="Metrics">What the host measures.</param>
/// <param name="Logger">The host's log.</param>
internal sealed record TenantServices(
    ILedgerStore Store,
    LedgerLoader Loader,
    SnapshotKeeper Snapshots,
    StoreSpace Space,
    SemaphoreSlim Loads,
    LogClock Clock,
    TimeProvider Time,
    TenantHostOptions Options,
    Action<IThreadPoolWorkItem> RunSoon,
    Action<string> OnFirstEvent,
    RuntimeMetrics Metrics,
    ILogger Logger);
