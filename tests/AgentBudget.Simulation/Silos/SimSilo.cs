using AgentBudget.Simulation.Core;

namespace AgentBudget.Simulation.Silos;

/// <summary>A machine: its wall clock, and the process that lives on it at present.</summary>
internal sealed class SimSilo(SimWorld world, int number)
{
    private const long StartAgainTicks = 200 * SimScheduler.Millisecond;

    public SimWall Wall { get; } = new();

    public int Number => number;

    public SimProcess? Process { get; private set; }

    /// <summary>Whoever meant to start it again does so in vain.</summary>
    public bool IsGone { get; private set; }

    public bool IsServing => Process is { IsServing: true };

    /// <summary>Its wall clock is set.</summary>
    public void MoveWall(long ticks)
    {
        Wall.OffsetTicks += ticks;
        Process?.WallMoved(Wall.OffsetTicks);
    }

    public void Start()
    {
        if (IsGone) return;
        SimProcess process = Process = world.NewProcess(this);
        world.Trace(Traced.Started, number, process.Number);
        process.Start(isStarted =>
        {
            if (isStarted) world.Watchers.ServedBy(this);
            else Restart(process);
        });
    }

    /// <summary>Everything in memory is gone.</summary>
    public void Kill()
    {
        if (Process is not { IsAlive: true } process) return;
        world.Trace(Traced.Killed, number, process.Number);
        process.Kill();
    }

    /// <summary>The machine is gone for good, with what ran on it.</summary>
    public void Remove()
    {
        IsGone = true;
        Kill();
    }

    /// <summary>An orderly end; what it waited for is answered.</summary>
    public void Stop(Action stopped)
    {
        if (Process is not { IsAlive: true, IsStopping: false } process) return;
        world.Trace(Traced.Stopped, number, process.Number);
        process.Stop(stopped);
    }

    // The store could not list its tenants: whoever supervises the process starts it again.
    private void Restart(SimProcess process)
    {
        process.Kill();
        world.Scheduler.After(StartAgainTicks, () =>
        {
            if (ReferenceEquals(Process, process)) Start();
        });
    }
}
