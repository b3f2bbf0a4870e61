using AgentBudget.Grains.Lanes;
using AgentBudget.Runtime;
using AgentBudget.Runtime.Tests;
using AgentBudget.Simulation.Core;

namespace AgentBudget.Simulation.Swarms;

/// <summary>
/// What one seed is like: its own subset of faults, their rates, and the shape of its load. Runs that differ in kind
/// find more than runs that are all the average.
/// </summary>
internal sealed class SwarmPlan
{
    private const int FaultsMaxPermille = 150; // Above it little gets done between two faults.
    private const int SilosMax = 3;
    private const int CrowdedOneIn = 300; // It takes seconds.

    private readonly int[] _permille = new int[Enum.GetValues<SimFault>().Length];
    private readonly int[] _times = new int[Enum.GetValues<SimFault>().Length];

    /// <summary>Faults that happen at a time, by how often in a run at most; the others happen to a step.</summary>
    private static readonly (SimFault Fault, int TimesMax)[] Timed =
    [
        (SimFault.ClockAhead, 4), (SimFault.ClockFarAhead, 2), (SimFault.ClockLies, 1), (SimFault.ClockBack, 3),
        (SimFault.ProcessPaused, 3), (SimFault.ActivationDuplicated, 6), (SimFault.ProcessKilled, 4),
        (SimFault.ProcessStopped, 2), (SimFault.StoreFull, 2),
    ];

    /// <summary>Faults of single steps, by their highest rate in a thousand.</summary>
    private static readonly (SimFault Fault, int PermilleMax)[] Stepwise =
    [
        (SimFault.AppendSlow, 40), (SimFault.AppendUnknownWritten, 100), (SimFault.AppendUnknownNotWritten, 100),
        (SimFault.AppendUnknownLandsLate, 100), (SimFault.FenceTaken, 60),
        (SimFault.OwnerPausedInFlight, FaultsMaxPermille), (SimFault.AcquireFailed, FaultsMaxPermille),
        (SimFault.AcquireAnswerLost, FaultsMaxPermille), (SimFault.ReadFailed, 60), (SimFault.ReadDamaged, 40),
        (SimFault.SnapshotFailed, FaultsMaxPermille), (SimFault.SnapshotTorn, FaultsMaxPermille),
        (SimFault.TurnDefect, 10), (SimFault.RequestLost, 60), (SimFault.RequestDuplicated, 100),
        (SimFault.RequestReordered, FaultsMaxPermille), (SimFault.AnswerLost, 80),
    ];

    public SwarmPlan(SimRandom random)
    {
        IsCrowded = random.Below(CrowdedOneIn) == 0;
        bool isFaultless = random.Below(12) == 0 || IsCrowded;
        foreach ((SimFault fault, int max) in Timed)
        {
            if (!isFaultless && random.Below(3) == 0) _times[(int)fault] = (int)random.Between(1, max);
        }

        foreach ((SimFault fault, int max) in Stepwise)
        {
            if (!isFaultless && random.Below(3) == 0) _permille[(int)fault] = (int)random.Spread(1, max);
        }

        Silos = Math.Max(1, random.Below(SilosMax + 1));
        LeaseTicks = Silos > 1 && random.Coin() ? random.Spread(1, 10 * SimScheduler.Second) : 0;
        Tenants = 1 + (random.Below(4) == 0 ? 1 : 0);
        Clients = (int)random.Spread(1, 12);
        Commands = (int)(random.Coin() ? random.Between(20, 260) : random.Spread(20, 600));
        BurstMax = random.Below(16) == 0 ? 512 : (int)random.Spread(1, 24);
        ChaosTicks = random.Spread(2 * SimScheduler.Second, 120 * SimScheduler.Second);
        IsStoreImmediate = random.Below(4) == 0;
        StoreLatencyMaxTicks = IsStoreImmediate && random.Coin() ? 0 : random.Spread(1, 50 * SimScheduler.Millisecond);
        StepDelayMaxTicks = random.Spread(1, SimScheduler.Millisecond);
        NetworkMaxTicks = random.Spread(1, 20 * SimScheduler.Millisecond);
        KeyRepeatPermille = random.Coin() ? 0 : random.Below(500);
        HoldTtl = (TtlShape)random.Below(4);
        IsHot = random.Coin();
        Watchers = random.Below(3);
        Shape = random.Fork();
        Host = HostOptions(random);
    }

    /// <summary>The first tenant comes to a bound of its size. Without faults, which would only prolong it.</summary>
    public bool IsCrowded { get; }

    public int Silos { get; }

    public long LeaseTicks { get; }

    public int Tenants { get; }

    public int Clients { get; }

    /// <summary>Commands of all clients together.</summary>
    public int Commands { get; }

    /// <summary>Commands that one client sends at the same moment at most: groups grow with it.</summary>
    public int BurstMax { get; }

    public long ChaosTicks { get; }

    /// <summary>The store may answer within the call, as one on the same thread does.</summary>
    public bool IsStoreImmediate { get; }

    public long StoreLatencyMaxTicks { get; }

    public long StepDelayMaxTicks { get; }

    public long NetworkMaxTicks { get; }

    public int KeyRepeatPermille { get; }

    public TtlShape HoldTtl { get; }

    /// <summary>Nearly all spend goes through one session.</summary>
    public bool IsHot { get; }

    /// <summary>Readers of each tenant's stream.</summary>
    public int Watchers { get; }

    /// <summary>For what is drawn while the run goes on: catalogs.</summary>
    public SimRandom Shape { get; }

    public ActivationHostOptions Host { get; }

    public int PermilleOf(SimFault fault) => _permille[(int)fault];

    public int TimesOf(SimFault fault) => _times[(int)fault];

    private ActivationHostOptions HostOptions(SimRandom random) => new()
    {
        Lanes = new LaneOptions
        {
            WaitingCommandsMax = random.Below(5) == 0 && !IsCrowded ? (int)random.Spread(1, 16) : 16_384,
        },
        // Hours of waiting for holds to expire would be all ticks; what is in memory asks for the time by itself.
        CatchesUpByItself = false,
        PassivateAfter = HoldTtl is TtlShape.Short or TtlShape.Absent
            ? TimeSpan.FromTicks(random.Spread(SimScheduler.Second, 600 * SimScheduler.Second))
            : TimeSpan.FromMinutes(10),
        Activations = new ActivationOptions
        {
            SnapshotEveryEvents = random.Below(3) == 0 && !IsCrowded ? random.Spread(5, 200) : 1_000_000,
            RecentEventsMax = random.Coin() ? (int)random.Spread(1, 64) : 8_192,
            LoadsAtOnceMax = (int)random.Between(1, 4),
        },
    };
}

/// <summary>How long a run's holds stand.</summary>
internal enum TtlShape
{
    /// <summary>As the default says.</summary>
    Absent,

    /// <summary>One second or little more.</summary>
    Short,

    /// <summary>24 hours.</summary>
    Max,

    /// <summary>All of these.</summary>
    Mixed,
}
