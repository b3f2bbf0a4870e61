using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;
using AgentBudget.Simulation.Swarms;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Simulation.Store;

/// <summary>
/// One process's way to the database: calls take time both ways, fail before or after their effect, and what is under
/// way when the process dies arrives or does not. Only what a store's contract allows happens here.
/// </summary>
internal sealed class SimStore(SimWorld world, SimProcess process, SimRandom random) : ILedgerStore
{
    private const long LateMax = 5 * SimScheduler.Second; // Past any lease of a run: such an append meets a new owner.
    private const long PauseMax = 20 * SimScheduler.Second; // Twice what any lease of a run is.
    private const long SlowMax = 4 * SimScheduler.Second; // One that began before all healed ends within its time.

    private readonly List<Flight> _flights = [];

    private sealed class Flight
    {
        public bool IsLost { get; set; }

        public bool HasArrived { get; set; }

        /// <summary>Its sender stood still while it was on its way.</summary>
        public bool WasSenderPaused { get; set; }
    }

    private SwarmPlan Plan => world.Plan;

    private SimDatabase Database => world.Database;

    public ValueTask<IReadOnlyList<StoredTenant>> ListTenantsAsync(CancellationToken cancellationToken) =>
        CallAsync(SimFault.ReadFailed, Database.ListTenants);

    public ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken) =>
        CallAsync(SimFault.AcquireFailed, () => Acquire(tenant), SimFault.AcquireAnswerLost);

    public ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken) =>
        CallAsync(SimFault.ReadFailed, () => Database.Head(tenant));

    public ValueTask<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
        string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken) =>
        CallAsync(SimFault.ReadFailed, () => Damaged(Database.ReadGroups(tenant, fromEvent, bytesMax)));

    public ValueTask<bool> SaveSnapshotAsync(
        string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken) =>
        CallAsync(SimFault.SnapshotFailed, () => Save(tenant, epoch, snapshot));

    public ValueTask<StoredSnapshot?> ReadSnapshotAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken) =>
        CallAsync(SimFault.ReadFailed, () => Database.ReadSnapshot(tenant, lastEventMax));

    public ValueTask<bool> DropSnapshotsBeforeAsync(
        string tenant, long epoch, long lastEvent, CancellationToken cancellationToken) =>
        CallAsync(SimFault.SnapshotFailed, () => Database.DropSnapshotsBefore(tenant, epoch, lastEvent));

    public ValueTask<bool> ProbeSpaceAsync(CancellationToken cancellationToken) =>
        CallAsync(SimFault.ReadFailed, () => Database.HasSpace);

    public void BeginAppend(JournalGroup group, IAppendCompletion completion)
    {
        string tenant = group.Tenant;
        StoredGroup stored = group.ToStored();
        world.Trace(Traced.AppendBegun, stored.Sequence, stored.Epoch);
        long there = Latency();
        if (world.Happens(SimFault.AppendSlow)) there = random.Between(SimScheduler.Second, SlowMax);
        bool pauses = Plan.Silos > 1 && world.Begins(SimFault.OwnerPausedInFlight);
        if (there == 0 && Plan.IsStoreImmediate && !pauses)
        {
            Tell(completion, tenant, stored, Database.Append(tenant, stored, process.Number));
            return;
        }

        var flight = new Flight();
        _flights.Add(flight);
        if (pauses) there = Pause(flight, tenant);
        if (world.Happens(SimFault.AppendUnknownLandsLate))
        {
            Answer(completion, there, tenant, stored, AppendOutcome.Unknown);
            there += random.Spread(0, LateMax);
            world.Scheduler.After(there, () => Arrive(flight, tenant, stored));
            return;
        }

        if (world.Happens(SimFault.AppendUnknownNotWritten))
        {
            flight.HasArrived = true;
            Answer(completion, there, tenant, stored, AppendOutcome.Unknown);
            return;
        }

        world.Scheduler.After(there, () =>
        {
            if (world.Happens(SimFault.FenceTaken)) Database.TakeAway(tenant);
            AppendOutcome outcome = Arrive(flight, tenant, stored);
            if (outcome == AppendOutcome.Appended && world.Happens(SimFault.AppendUnknownWritten))
                outcome = AppendOutcome.Unknown;
            Answer(completion, Latency(), tenant, stored, outcome);
        });
    }

    /// <summary>The process is dead: what it sent is lost or still arrives, and nobody hears of it.</summary>
    public void Abandon()
    {
        foreach (Flight flight in _flights.Where(flight => !flight.HasArrived))
        {
            flight.IsLost = random.Coin();
            world.Coverage.Count(flight.IsLost ? SimFault.KilledAppendLost : SimFault.KilledAppendLanded);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private AppendOutcome Arrive(Flight flight, string tenant, StoredGroup stored)
    {
        if (flight.IsLost) return AppendOutcome.Unknown;
        flight.HasArrived = true;
        _flights.Remove(flight);
        bool isTaken = Database.OwnerOf(tenant) is > 0 and var owner && owner != process.Number;
        if (flight.WasSenderPaused && isTaken && process is { IsAlive: true, IsPaused: false })
            world.Coverage.Count(SimFault.OwnerPausedInFlight);
        return Database.Append(tenant, stored, process.Number);
    }

    // Its sender stands still at once, and goes on before it arrives or, more seldom, after it.
    private long Pause(Flight flight, string tenant)
    {
        long pause = random.Between(SimScheduler.Second, PauseMax);
        flight.WasSenderPaused = true;
        world.Trace(Traced.Paused, process.Number, pause);
        process.Pause(pause);
        Rivals.TakeOver(world, process, tenant, pause, random);
        return random.Below(4) == 0 ? random.Between(1, pause) : pause + random.Between(1, SlowMax);
    }

    private void Answer(
        IAppendCompletion completion, long delay, string tenant, StoredGroup stored, AppendOutcome outcome) =>
        world.Scheduler.After(delay, () => process.Run(() => Tell(completion, tenant, stored, outcome)));

    private void Tell(IAppendCompletion completion, string tenant, StoredGroup stored, AppendOutcome outcome)
    {
        world.Coverage.Count("append", outcome.ToString());
        if (outcome == AppendOutcome.FenceLost) world.History.Fenced(tenant, stored, process);
        completion.AppendCompleted(outcome);
    }

    private long Acquire(string tenant)
    {
        SimProcess? before = world.Process(Database.OwnerOf(tenant));
        long epoch = Database.Acquire(tenant, process.Number);
        bool isTaken = epoch > 0 && before is { IsServing: true, IsStopping: false } && before != process;
        if (isTaken) world.Coverage.Count(SimFault.ActivationDuplicated);
        if (epoch == 0) world.Coverage.Count(SimFault.LeaseHeld);
        world.Trace(Traced.Acquired, process.Number, epoch);
        return epoch;
    }

    private bool Save(string tenant, long epoch, StoredSnapshot snapshot)
    {
        if (!Database.HasSpace) throw new StoreException("the store has no space for a snapshot");
        return Database.SaveSnapshot(tenant, epoch, snapshot, world.Happens(SimFault.SnapshotTorn));
    }

    private IReadOnlyList<StoredGroup> Damaged(IReadOnlyList<StoredGroup> page)
    {
        if (page.Count == 0 || !world.Happens(SimFault.ReadDamaged)) return page;
        List<StoredGroup> damaged = [.. page];
        int at = random.Below(damaged.Count);
        byte[] body = damaged[at].Body.ToArray();
        body[random.Below(body.Length)] ^= (byte)(1 << random.Below(8));
        damaged[at] = damaged[at] with { Body = body };
        return damaged;
    }

    private ValueTask<T> CallAsync<T>(SimFault fault, Func<T> step, SimFault? answerLost = null)
    {
        bool fails = world.Happens(fault);
        long there = Latency();
        if (!fails && there == 0 && Plan.IsStoreImmediate) return ValueTask.FromResult(step());
        var answer = new TaskCompletionSource<T>();
        world.Scheduler.After(there, () =>
        {
            Exception? exception = null;
            T result = default!;
            try
            {
                if (fails) throw new StoreException($"injected: {fault}");
                result = step();
                if (answerLost is { } lost && world.Happens(lost)) throw new StoreException($"injected: {lost}");
            }
            catch (StoreException injected)
            {
                exception = injected;
            }

            world.Scheduler.After(Latency(), () => process.Run(() =>
            {
                if (exception is null) answer.SetResult(result);
                else answer.SetException(exception);
            }));
        });
        return new ValueTask<T>(answer.Task);
    }

    private long Latency() => random.Spread(0, Plan.StoreLatencyMaxTicks);
}
