using AgentBudget.Simulation.Checks;
using AgentBudget.Simulation.Clients;
using AgentBudget.Simulation.Mutants;
using AgentBudget.Simulation.Silos;

namespace AgentBudget.Simulation.Core;

/// <summary>What came of a seed.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="TraceHash">Fingerprint of all that happened.</param>
/// <param name="Failure">What must not be and was, one sentence; null when all is well.</param>
/// <param name="Coverage">What was reached.</param>
/// <param name="Events">Ledger events.</param>
/// <param name="LastEvents">After a failure the latest events of each tenant, as text.</param>
internal sealed record SimResult(
    ulong Seed,
    ulong TraceHash,
    string? Failure,
    Coverage Coverage,
    long Events,
    IReadOnlyList<string> LastEvents);

/// <summary>One seed, from the start of its silos to the last check: faults first, then healing, then proof.</summary>
internal sealed class SimRun
{
    private const long ClientsMax = 120 * SimScheduler.Second; // Every client has given up or is answered by then.
    private const long ServingMax = 5 * SimScheduler.Second;
    private const long ProbeTicks = 200 * SimScheduler.Millisecond;
    private const long StopMax = 60 * SimScheduler.Second;
    private const long ClockSlack = 65 * SimScheduler.Second; // Log time may be a minute ahead of whom it woke.

    private const int LastEventsMax = 30; // What led to a failure is nearly always among them.

    private readonly SimWorld _world;
    private readonly SimRandom _random;

    private SimRun(ulong seed, Mutant mutant)
    {
        _world = new SimWorld(seed, mutant);
        _random = _world.Random.Fork();
    }

    private SimSilo Survivor => _world.Silos[0];

    private SimScheduler Scheduler => _world.Scheduler;

    public static SimResult Of(ulong seed, Func<Mutant>? mutant = null)
    {
        var run = new SimRun(seed, mutant?.Invoke() ?? new Mutant());
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            run.Run();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }

        long events = run._world.Journals.All.Sum(journal => (long)journal.Events.Count);
        string[] last = run._world.HasFailed
            ? [.. run._world.Journals.All.SelectMany(journal => journal.Events.TakeLast(LastEventsMax))
                .Select(recorded => recorded.ToString())]
            : [];
        return new SimResult(seed, run._world.TraceHash, run._world.Failure, run._world.Coverage, events, last);
    }

    private void Run()
    {
        foreach (SimSilo silo in _world.Silos) silo.Start();
        foreach (TenantModel tenant in _world.Tenants) _world.Clients[0].Found(tenant);
        foreach (SimClient client in _world.Clients) client.Begin();
        TimedFaults.Schedule(_world, _random);
        Step(_world.Plan.ChaosTicks, () => false);
        Heal();
        Step(ClientsMax, () => _world.Clients.All(client => client.Waiting == 0));
        foreach (TenantJournal journal in _world.Journals.All) MustServe(journal);
        foreach (TenantJournal journal in _world.Journals.All) MustResolve(journal);
        foreach (TenantJournal journal in _world.Journals.All) MustAgree(journal);
        MustHaveShownAll();
        Restart();
        foreach (TenantJournal journal in _world.Journals.All) MustAgree(journal);
        if (!_world.HasFailed) Replays.MustBeTheSame(_world);
    }

    private void Step(long ticks, Func<bool> isOver)
    {
        Scheduler.RunUntil(Scheduler.NowTicks + ticks, () => _world.HasFailed || isOver());
        if (Scheduler.IsStuck) _world.Fail("livelock", "steps without end while no time passes");
    }

    private void Heal()
    {
        _world.Trace(Traced.Healed, 0, 0);
        _world.IsFaulty = false;
        _world.Database.HasSpace = true;
        // A tenant whose bytes were misread is halted until its process starts again.
        bool hasHalted = _world.Coverage.Of("fault", nameof(SimFault.ReadDamaged)) > 0;
        Step(StopMax, () => _world.Silos.All(silo => silo.Process is not { IsPaused: true }));
        // A process that lost a tenant to another one and has not noticed answers from what it knew.
        bool hasOther = _world.Plan.Silos > 1 || Survivor.Process is { IsStopping: true };
        if (hasHalted || hasOther) Survivor.Kill();
        if (Survivor.Process is not { IsAlive: true }) Survivor.Start();
        // The others are gone for good, and one serves what they had.
        foreach (SimSilo silo in _world.Silos.Skip(1)) silo.Remove();
        _world.Watchers.ServedBy(Survivor);
    }

    private void MustServe(TenantJournal journal)
    {
        bool isServing = false;
        Step(0, () => false);
        Probe(journal, () => isServing = true);
        Step(ServingMax + _world.Plan.LeaseTicks, () => isServing);
        if (!isServing) _world.Fail("liveness", $"{journal.Tenant} is not served after all has healed");
    }

    private void Probe(TenantJournal journal, Action served)
    {
        var request = new Protocol.V1.OpenSessionRequest
        {
            RequestId = $"probe-{Scheduler.NowTicks}",
            Agent = "agents/a0",
            UseCase = "useCases/u0",
            Unattended = true,
        };
        var command = new Ledger.OpenSessionCommand(request, "admin");
        SimProcess process = Survivor.Process!;
        Attempt asked = _world.History.Arrived(journal.Tenant, command, process);
        process.Submit(journal.Tenant, command, reply =>
        {
            _world.History.Told(journal.Tenant, command, asked, reply);
            if (reply.Fault is null) served();
            else Scheduler.After(ProbeTicks, () => Probe(journal, served));
        });
    }

    // Every hold ends by log time, which the owner's clocks may have to catch up with first.
    private void MustResolve(TenantJournal journal)
    {
        if (journal.OpenHolds == 0 || _world.HasFailed) return;
        SimProcess process = Survivor.Process!;
        long elapsed = Scheduler.NowTicks - process.StartTicks;
        long logTimeMin = process.StartNanos + (elapsed * TimeSpan.NanosecondsPerTick);
        long ticks = (journal.LastExpiryNanos - logTimeMin) / TimeSpan.NanosecondsPerTick;
        Step(Math.Max(0, ticks) + ServingMax + ClockSlack, () => journal.OpenHolds == 0);
        if (journal.OpenHolds > 0)
            _world.Fail("liveness", $"{journal.OpenHolds} holds of {journal.Tenant} are open past their time");
    }

    private void MustAgree(TenantJournal journal)
    {
        if (_world.HasFailed) return;
        string[] accounts = [.. journal.Report().Balances.Select(balance => balance.Account)];
        int answered = 0;
        if (accounts.Length > 0) AskNext();
        Step(StopMax, () => answered == accounts.Length);
        if (answered < accounts.Length) _world.Fail("liveness", $"{journal.Tenant} does not answer queries");

        // One after the other: a host may take one command at a time.
        void AskNext() => AskBalance(journal, accounts[answered], () =>
        {
            if (++answered < accounts.Length) AskNext();
        });
    }

    // What was answered while more became durable is asked again.
    private void AskBalance(TenantJournal journal, string account, Action answered)
    {
        int events = journal.Events.Count;
        Survivor.Process!.Submit(journal.Tenant, new Ledger.BalanceQuery(0, account), reply =>
        {
            if (reply.Answer.View is Protocol.V1.GetBalanceResponse balances && journal.Events.Count == events)
                Balances.MustBeNaive(_world, journal, balances.Grains, reply.Process);
            else if (reply.Fault is not null || journal.Events.Count != events)
            {
                Scheduler.After(ProbeTicks, () => AskBalance(journal, account, answered));
                return;
            }

            answered();
        });
    }

    private void MustHaveShownAll()
    {
        Step(StopMax, () => _world.Watchers.All.All(watcher => IsAtEnd(watcher)));
        foreach (SimWatcher watcher in _world.Watchers.All.Where(watcher => !IsAtEnd(watcher)))
            _world.Fail("stream", $"a reader of {watcher.Tenant} waits for event {watcher.Next}, which is there");
    }

    private bool IsAtEnd(SimWatcher watcher) => watcher.Next > _world.Journals.Of(watcher.Tenant).Events.Count;

    private void Restart()
    {
        if (_world.HasFailed) return;
        bool isStopped = false;
        Survivor.Stop(() => isStopped = true);
        Step(StopMax, () => isStopped);
        if (!isStopped) _world.Fail("liveness", "a silo does not stop");
        Step(_world.Plan.LeaseTicks, () => false);
        Survivor.Start();
        Step(ServingMax, () => Survivor.IsServing);
        if (!Survivor.IsServing) _world.Fail("liveness", "a silo does not start");
    }
}
