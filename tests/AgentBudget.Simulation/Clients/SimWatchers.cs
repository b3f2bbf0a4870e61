using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;

namespace AgentBudget.Simulation.Clients;

/// <summary>Readers of streams: each goes on where it was, on whichever silo serves.</summary>
internal sealed class SimWatchers
{
    private readonly List<SimWatcher> _watchers = [];

    public SimWatchers(SimWorld world)
    {
        foreach (TenantModel tenant in world.Tenants)
        {
            for (int i = 0; i < world.Plan.Watchers; i++)
                _watchers.Add(new SimWatcher(world, tenant.Name, world.Random.Fork()));
        }
    }

    public IReadOnlyList<SimWatcher> All => _watchers;

    public void ServedBy(SimSilo silo)
    {
        foreach (SimWatcher watcher in _watchers) watcher.ServedBy(silo);
    }
}

/// <summary>
/// One reader of one tenant's stream. It must see every event once, in order, as it is in the journal, and none that
/// is not durable.
/// </summary>
internal sealed class SimWatcher(SimWorld world, string tenant, SimRandom random)
{
    private const long SlowMax = 3 * SimScheduler.Second;
    private const long AgainTicks = 300 * SimScheduler.Millisecond;

    private readonly bool _isSlow = random.Below(3) == 0;
    private SimProcess? _process;

    public string Tenant => tenant;

    /// <summary>The event that it waits for.</summary>
    public long Next { get; private set; } = 1;

    public void ServedBy(SimSilo silo)
    {
        if (_process is { IsAlive: true, IsStopping: false }) return;
        if (silo.Process is not { IsServing: true } process) return;
        _process = process;
        process.Watch(tenant, Next, batch => ReadAsync(silo, process, batch));
    }

    private async Task ReadAsync(SimSilo silo, SimProcess process, IReadOnlyList<LedgerEvent> batch)
    {
        if (!ReferenceEquals(_process, process)) return; // Of a process that is stopping; another one is read already.
        if (batch.Count == 0)
        {
            // The read failed.
            _process = null;
            world.Scheduler.After(AgainTicks, () => ServedBy(silo));
            return;
        }

        foreach (LedgerEvent shown in batch) Read(shown);
        world.Trace(Traced.Watched, process.Number, Next);
        if (_isSlow) await world.Scheduler.DelayAsync(random.Spread(1, SlowMax));
    }

    private void Read(LedgerEvent shown)
    {
        if (shown.Sequence != Next)
            world.Fail("stream", $"event {shown.Sequence} of {tenant} is shown where {Next} is next");
        world.Journals.MustBeDurable(tenant, shown, "a stream");
        Next = shown.Sequence + 1;
    }
}
