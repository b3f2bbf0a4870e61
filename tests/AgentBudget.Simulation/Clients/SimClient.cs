using AgentBudget.Ledger;
using AgentBudget.Simulation.Checks;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;

namespace AgentBudget.Simulation.Clients;

/// <summary>
/// One caller: sends commands in bursts over a network that loses, doubles, delays and reorders, and asks again under
/// the same request id when it is in doubt.
/// </summary>
internal sealed class SimClient(SimWorld world, int number, SimRandom random)
{
    private const long TimeoutMax = 15 * SimScheduler.Second;
    private const int AttemptsMax = 6;
    private const int EndedTokensMax = 100_000; // The smallest of the bounds of a tenant as a whole.
    private const int CrowdBatch = 1000;

    private int _left = world.Plan.Commands / world.Plan.Clients;
    private int _silo;

    /// <summary>Commands that are sent and not yet given up or answered.</summary>
    public int Waiting { get; private set; }

    /// <summary>A tenant begins with its catalog and some sessions; without them nothing else has an effect.</summary>
    public void Found(TenantModel tenant)
    {
        Send(tenant, Catalogs.First(tenant), _ =>
        {
            int sessions = (int)random.Spread(1, 6);
            for (int i = 0; i < sessions; i++) Send(tenant, Workload.Open(tenant));
            if (world.Plan.IsCrowded && tenant == world.Tenants[0]) Crowd(tenant, EndedTokensMax + 1);
        });
    }

    // Ends as many tokens as a tenant may have ended, and one more.
    private void Crowd(TenantModel tenant, int left)
    {
        int batch = Math.Min(left, CrowdBatch);
        int answered = 0;
        for (int i = 0; i < batch; i++)
        {
            Send(tenant, Workload.EndToken(tenant), _ =>
            {
                if (++answered == batch && left > batch) Crowd(tenant, left - batch);
            });
        }
    }

    public void Begin() => world.Scheduler.After(random.Spread(0, SimScheduler.Second), Act);

    /// <summary>Sends one command until it is answered or given up; says at the end what it heard.</summary>
    public void Send(TenantModel tenant, Command command, Action<Told>? heard = null) =>
        SendTo(world.Silos[_silo], tenant, command, heard);

    /// <summary>The same, at first to one silo.</summary>
    public void SendTo(SimSilo silo, TenantModel tenant, Command command, Action<Told>? heard = null)
    {
        Waiting++;
        Try(new Call(tenant, command, heard), silo, attempt: 1);
    }

    private sealed class Call(TenantModel tenant, Command command, Action<Told>? heard)
    {
        public TenantModel Tenant => tenant;

        public Command Command => command;

        public Action<Told>? Heard => heard;

        /// <summary>The newest attempt.</summary>
        public int Attempt { get; set; } = 1;

        public bool IsOver { get; set; }
    }

    private void Act()
    {
        if (!world.IsFaulty || _left <= 0) return;
        int burst = (int)Math.Min(_left, random.Spread(1, world.Plan.BurstMax));
        _left -= burst;
        TenantModel tenant = random.Any(world.Tenants);
        for (int i = 0; i < burst; i++) Send(tenant, tenant.Next());
        long pause = 2 * world.Plan.ChaosTicks * burst * world.Plan.Clients / world.Plan.Commands;
        world.Scheduler.After(random.Between(0, pause), Act);
    }

    private void Try(Call call, SimSilo silo, int attempt)
    {
        if (attempt > 1) world.Coverage.Count(SimFault.RequestRetried);
        world.Trace(Traced.Sent, number, attempt);
        long delay = random.Spread(0, world.Plan.NetworkMaxTicks);
        if (world.Happens(SimFault.RequestReordered)) delay += random.Spread(0, SimScheduler.Second);
        if (!world.Happens(SimFault.RequestLost)) world.Scheduler.After(delay, () => Arrive(silo, call, attempt));
        if (world.Happens(SimFault.RequestDuplicated))
            world.Scheduler.After(random.Spread(0, SimScheduler.Second), () => Arrive(silo, call, attempt));
        world.Scheduler.After(random.Between(SimScheduler.Second, TimeoutMax), () => Retry(call, attempt));
    }

    private void Arrive(SimSilo silo, Call call, int attempt)
    {
        if (silo.Process is not { IsServing: true } process)
        {
            world.Scheduler.After(random.Spread(1, SimScheduler.Second), () => Retry(call, attempt));
            return;
        }

        string tenant = call.Tenant.Name;
        Attempt arrived = world.History.Arrived(tenant, call.Command, process);
        process.Submit(tenant, call.Command, reply =>
        {
            world.Trace(Traced.Answered, (long)reply.Answer.Outcome, reply.Answer.Event?.Sequence ?? -1);
            world.History.Told(tenant, call.Command, arrived, reply);
            if (world.Happens(SimFault.AnswerLost)) return;
            world.Scheduler.After(random.Spread(0, world.Plan.NetworkMaxTicks), () => Hear(call, reply, attempt));
        });
    }

    private void Hear(Call call, Told reply, int attempt)
    {
        if (call.IsOver) return;
        if (reply.Fault is { } fault && fault != TenantFault.Defect)
        {
            world.Scheduler.After(random.Spread(1, SimScheduler.Second), () => Retry(call, attempt));
            return;
        }

        Over(call);
        call.Tenant.Heard(call.Command, reply.Answer);
        call.Heard?.Invoke(reply);
    }

    // Of all that asks for another attempt, one does.
    private void Retry(Call call, int attempt)
    {
        if (call.IsOver || call.Attempt != attempt) return;
        if (attempt >= AttemptsMax)
        {
            Over(call);
            return;
        }

        call.Attempt = attempt + 1;
        _silo = random.Below(world.Silos.Count);
        Try(call, world.Silos[_silo], attempt + 1);
    }

    private void Over(Call call)
    {
        call.IsOver = true;
        Waiting--;
    }
}
