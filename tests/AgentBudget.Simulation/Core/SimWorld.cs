using AgentBudget.Runtime.Time;
using AgentBudget.Simulation.Checks;
using AgentBudget.Simulation.Clients;
using AgentBudget.Simulation.Mutants;
using AgentBudget.Simulation.Silos;
using AgentBudget.Simulation.Store;
using AgentBudget.Simulation.Swarms;

namespace AgentBudget.Simulation.Core;

/// <summary>Everything of one run. What happens in it is a function of its seed alone.</summary>
internal sealed class SimWorld
{
    private readonly TraceHash _trace = new();
    private readonly SimRandom _faults;
    private readonly List<SimSilo> _silos = [];
    private readonly List<SimProcess> _processes = [];

    public SimWorld(ulong seed, Mutant mutant)
    {
        Mutant = mutant;
        Random = new SimRandom(seed);
        Plan = new SwarmPlan(Random.Fork());
        _faults = Random.Fork();
        Journals = new Journals(this);
        History = new History(this);
        Database = new SimDatabase(Scheduler, mutant.Rules, Plan.LeaseTicks)
        {
            OnLanded = Journals.Landed,
            OnAcquired = Journals.Acquired,
        };
        for (int i = 0; i < Plan.Silos; i++) _silos.Add(new SimSilo(this, i));
        for (int i = 0; i < Plan.Tenants; i++) Tenants.Add(new TenantModel(this, $"tenant-{i}", Random.Fork()));
        for (int i = 0; i < Plan.Clients; i++) Clients.Add(new SimClient(this, i, Random.Fork()));
        Watchers = new SimWatchers(this);
    }

    public SimScheduler Scheduler { get; } = new();

    public SimRandom Random { get; }

    public SwarmPlan Plan { get; }

    public Mutant Mutant { get; }

    public Coverage Coverage { get; } = new();

    public SimDatabase Database { get; }

    public Journals Journals { get; }

    public History History { get; }

    public SimWatchers Watchers { get; }

    public IReadOnlyList<SimSilo> Silos => _silos;

    public List<TenantModel> Tenants { get; } = [];

    public List<SimClient> Clients { get; } = [];

    /// <summary>Faults happen; after it everything heals.</summary>
    public bool IsFaulty { get; set; } = true;

    public string? Failure { get; private set; }

    public bool HasFailed => Failure is not null;

    public ulong TraceHash => _trace.Value;

    /// <summary>The process with a number; null for none.</summary>
    public SimProcess? Process(int number) => number == 0 ? null : _processes[number - 1];

    public SimProcess NewProcess(SimSilo silo)
    {
        var process = new SimProcess(this, silo, _processes.Count + 1);
        _processes.Add(process);
        return process;
    }

    /// <summary>
    /// The latest log time that a process can have come to by rule: its own wall clock's, and of what that said once a
    /// minute more.
    /// </summary>
    public long LogTimeMaxOf(int processNumber) =>
        Process(processNumber)!.WallMaxNanos + (LogClock.StepMax.Ticks * TimeSpan.NanosecondsPerTick);

    /// <summary>Whether a step's fault happens now. Counted when it does.</summary>
    public bool Happens(SimFault fault)
    {
        bool happens = Begins(fault);
        if (happens) Coverage.Count(fault);
        return happens;
    }

    /// <summary>Whether a step's fault begins now. Whoever sees that it came to pass counts it.</summary>
    public bool Begins(SimFault fault)
    {
        int permille = IsFaulty ? Plan.PermilleOf(fault) : 0;
        return permille > 0 && _faults.Chance(permille);
    }

    public void Trace(Traced what, long first, long second)
    {
        _trace.Add((long)what);
        _trace.Add(Scheduler.NowTicks);
        _trace.Add(first);
        _trace.Add(second);
    }

    /// <summary>Something was seen that must not be. The first is kept and ends the run.</summary>
    public void Fail(string check, string sentence)
    {
        if (HasFailed) return;
        double seconds = (double)Scheduler.NowTicks / SimScheduler.Second;
        Failure = string.Create(
            System.Globalization.CultureInfo.InvariantCulture, $"[{check}] at {seconds:0.000000} s: {sentence}");
    }
}
