using AgentBudget.Simulation.Silos;

namespace AgentBudget.Simulation.Core;

/// <summary>Faults that happen at some time of a run, to a machine or to the store.</summary>
internal static class TimedFaults
{
    private const long Hour = 3600 * SimScheduler.Second;
    private const long BoundTicks = 60 * SimScheduler.Second; // Log time follows as much on the wall's first word.
    private const long LieTicks = 400 * SimScheduler.Millisecond; // Log time asks again after half a second.

    public static void Schedule(SimWorld world, SimRandom random)
    {
        foreach (SimFault fault in Enum.GetValues<SimFault>())
        {
            for (int i = 0; i < world.Plan.TimesOf(fault); i++)
            {
                SimSilo silo = random.Any(world.Silos);
                SimRandom own = random.Fork();
                world.Scheduler.After(own.Between(0, world.Plan.ChaosTicks), () => Happen(world, silo, own, fault));
            }
        }
    }

    private static void Happen(SimWorld world, SimSilo silo, SimRandom random, SimFault fault)
    {
        if (!world.IsFaulty) return;
        if (fault == SimFault.ActivationDuplicated)
        {
            Rivals.Meet(world, random); // Counted when one acquires what the other has.
            return;
        }

        world.Coverage.Count(fault);
        switch (fault)
        {
            case SimFault.ClockAhead:
                Move(world, silo, random.Spread(1, BoundTicks));
                break;
            case SimFault.ClockFarAhead:
                Move(world, silo, random.Spread(BoundTicks, 48 * Hour));
                break;
            case SimFault.ClockLies:
                Lie(world, silo, random.Between(2 * BoundTicks, 6 * Hour));
                break;
            case SimFault.ClockBack:
                Move(world, silo, -random.Spread(1, 2 * Hour));
                break;
            case SimFault.ProcessPaused:
                world.Trace(Traced.Paused, silo.Number, 0);
                silo.Process?.Pause(random.Spread(1, 20 * SimScheduler.Second));
                break;
            case SimFault.ProcessKilled:
                silo.Kill();
                StartLater(world, silo, random);
                break;
            case SimFault.ProcessStopped:
                silo.Stop(() => StartLater(world, silo, random));
                break;
            case SimFault.StoreFull:
                world.Trace(Traced.SpaceChanged, 0, 0);
                world.Database.HasSpace = false;
                world.Scheduler.After(random.Spread(1, 10 * SimScheduler.Second), () => world.Database.HasSpace = true);
                break;
        }
    }

    private static void Move(SimWorld world, SimSilo silo, long ticks)
    {
        world.Trace(Traced.ClockMoved, silo.Number, ticks);
        silo.MoveWall(ticks);
    }

    private static void Lie(SimWorld world, SimSilo silo, long ticks)
    {
        world.Trace(Traced.ClockMoved, silo.Number, ticks);
        silo.Wall.LieTicks = ticks;
        world.Scheduler.After(LieTicks, () => silo.Wall.LieTicks = 0);
    }

    private static void StartLater(SimWorld world, SimSilo silo, SimRandom random)
    {
        SimProcess? process = silo.Process;
        world.Scheduler.After(random.Spread(1, 5 * SimScheduler.Second), () =>
        {
            if (ReferenceEquals(silo.Process, process) && process is { IsAlive: false }) silo.Start();
        });
    }
}
