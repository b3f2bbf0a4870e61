using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Tests;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Store;
using AgentBudget.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Simulation.Silos;

/// <summary>
/// One life of a silo's process: a real host whose every step, continuation and timer runs from the run's queue. When
/// it is killed nothing of it runs again and nothing it waits for reaches it.
/// </summary>
#pragma warning disable CA1001 // A process that is killed disposes of nothing.
internal sealed class SimProcess : SynchronizationContext
{
#pragma warning restore CA1001
    private readonly SimWorld _world;
    private readonly SimStore _store;
    private readonly ActivationHost _host;
    private readonly SimRandom _random;
    private long _furthestTicks; // That its wall clock was from the true time in its life.
    private long _pausedUntil;

    public SimProcess(SimWorld world, SimSilo silo, int number)
    {
        _world = world;
        Number = number;
        _random = world.Random.Fork();
        StartTicks = world.Scheduler.NowTicks;
        StartNanos = silo.Wall.NowNanos(world.Scheduler);
        _furthestTicks = silo.Wall.OffsetTicks + silo.Wall.LieTicks; // Whatever the wall says at the start counts.
        Time = new SimTime(world.Scheduler, this, silo.Wall);
        _store = new SimStore(world, this, world.Random.Fork());
        _host = new ActivationHost(
            world.Mutant.Store(world, this, _store),
            world.Plan.Host,
            Time,
            NullLoggerFactory.Instance,
            world.Mutant.Ledgers(world, silo, new SimLedgers(world)),
            step => world.Scheduler.After(_random.Spread(0, world.Plan.StepDelayMaxTicks), () => Run(step.Execute)));
    }

    /// <summary>Of all processes of a run, from 1: the owner's id in the database.</summary>
    public int Number { get; }

    public SimTime Time { get; }

    public bool IsAlive { get; private set; } = true;

    /// <summary>Commands are taken.</summary>
    public bool IsServing => IsAlive && _host.IsRunning;

    public bool IsStopping { get; private set; }

    /// <summary>When it began, in the run's time.</summary>
    public long StartTicks { get; }

    /// <summary>What its wall clock said then.</summary>
    public long StartNanos { get; }

    /// <summary>
    /// The latest time that its wall clock can have said by now and said again, in nanos since the Unix epoch.
    /// </summary>
    public long WallMaxNanos => new SimWall { OffsetTicks = _furthestTicks }.NowNanos(_world.Scheduler);

    /// <summary>Its wall clock is so far from the true time from now on.</summary>
    public void WallMoved(long offsetTicks) => _furthestTicks = Math.Max(_furthestTicks, offsetTicks);

    /// <summary>Runs something of this process now, or when it goes on, or never.</summary>
    public void Run(Action action)
    {
        if (!IsAlive) return;
        long wait = _pausedUntil - _world.Scheduler.NowTicks;
        if (wait > 0)
        {
            _world.Scheduler.After(wait, () => Run(action));
            return;
        }

        SynchronizationContext? before = Current;
        SetSynchronizationContext(this);
        try
        {
            action();
        }
        catch (Exception exception)
        {
            _world.Fail("process", $"an exception would have ended the process: {exception}");
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    public override void Post(SendOrPostCallback d, object? state) => _world.Scheduler.Soon(() => Run(() => d(state)));

    public override SynchronizationContext CreateCopy() => this;

    public void Start(Action<bool> started) => Run(() => _ = StartAsync(started));

    /// <summary>Hands a command over; what comes of it is told once, if the process lives to tell.</summary>
    public void Submit(string tenant, Command command, Action<Told> told) =>
        Run(() => _ = SubmitAsync(tenant, command, told));

    /// <summary>Durable events from a sequence on, batch by batch, until the process ends.</summary>
    public void Watch(string tenant, long fromSequence, Func<IReadOnlyList<LedgerEvent>, Task> onBatch) =>
        Run(() => _ = WatchAsync(tenant, fromSequence, onBatch));

    public void Stop(Action stopped)
    {
        IsStopping = true;
        Run(() => _ = StopAsync(stopped));
    }

    public bool IsPaused => IsAlive && _pausedUntil > _world.Scheduler.NowTicks;

    public void Pause(long ticks) => _pausedUntil = Math.Max(_pausedUntil, _world.Scheduler.NowTicks + ticks);

    public void Kill()
    {
        IsAlive = false;
        _store.Abandon();
    }

    private async Task StartAsync(Action<bool> started)
    {
        try
        {
            await _host.StartAsync(CancellationToken.None);
            started(true);
        }
        catch (StoreException)
        {
            started(false);
        }
    }

    private async Task SubmitAsync(string tenant, Command command, Action<Told> told)
    {
        Told reply;
        try
        {
            Answer answer = await _world.Mutant.SubmitAsync(_host, tenant, command);
            reply = new Told(answer, Fault: null, this);
        }
        catch (TenantException exception)
        {
            reply = new Told(default, exception.Fault, this);
        }
        catch (Exception exception)
        {
            _world.Fail("process", $"a command ended in {exception}");
            return;
        }

        told(reply);
    }

    private async Task WatchAsync(string tenant, long fromSequence, Func<IReadOnlyList<LedgerEvent>, Task> onBatch)
    {
        try
        {
            await foreach (IReadOnlyList<LedgerEvent> batch in
                _world.Mutant.Watch(_host, tenant, fromSequence).ConfigureAwait(true))
            {
                await onBatch(batch);
            }
        }
        catch (TenantException)
        {
            // A read that failed or was damaged ends a watch; its reader comes again.
            await onBatch([]);
        }
    }

    private async Task StopAsync(Action stopped)
    {
        await _host.StopAsync(CancellationToken.None);
        IsAlive = false;
        stopped();
    }
}

/// <summary>What a process told about a command.</summary>
/// <param name="Answer">Its answer, if there is no fault.</param>
/// <param name="Fault">Why there is none.</param>
/// <param name="Process">Who told.</param>
internal readonly record struct Told(Answer Answer, TenantFault? Fault, SimProcess Process);
