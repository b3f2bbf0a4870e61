using AgentBudget.Protocol.V1;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Audit;

/// <summary>Suspension, and the breakers that bring it about.</summary>
internal static class BreakerAudit
{
    // The burn rate looks at six steps of ten seconds, the present one included.
    private const int BurnSteps = 6;
    private static readonly Int128 BurnStep = (Int128)10 * AuditNumbers.NanosPerUnit;

    public static void Suspend(AuditState state, AuditSession session)
    {
        if (session.State != State.Open)
            state.Find(AuditRule.Suspended, $"{session.Spender.Session} is {session.State} and is suspended");
        if (session.IsOpen) session.State = State.Suspended;
    }

    public static void Resume(AuditState state, AuditSession session)
    {
        if (session.State != State.Suspended)
            state.Find(AuditRule.Suspended, $"{session.Spender.Session} is {session.State} and is resumed");
        session.Watch.Reset();
        session.SuspendedBy?.Watch.Reset();
        session.SuspendedBy = null;
        if (session.IsOpen) session.State = State.Open;
    }

    public static void Reset(AuditState state, AuditSession session, BreakerReset reset)
    {
        session.Watch.Reset();
        if (reset.Resumed.Length == 0) return;
        AuditSession? resumed = session.Lineage.FirstOrDefault(owner => owner.Spender.Session == reset.Resumed);
        if (resumed?.SuspendedBy is null || (resumed != session && resumed.SuspendedBy != session))
            state.Find(AuditRule.Breaker, $"no breaker of {session.Spender.Session} suspended '{reset.Resumed}'");
        else Resume(state, resumed);
    }

    /// <summary>A breaker says that it tripped: it must have, with these numbers.</summary>
    public static void Trip(AuditState state, AuditSession session, BreakerTripped tripped)
    {
        if (state.TripDue is null) FindDue(state, session);
        if (state.TripDue is not { } due || due.Session != session || due.Breaker != tripped.Breaker)
        {
            state.Find(AuditRule.Breaker, $"{tripped.Breaker} of {session.Spender.Session} did not trip here");
            return;
        }

        state.TripDue = null;
        if (due.Whom.Length > 0)
        {
            TripAgent(state, tripped, due);
            return;
        }

        MarkTold(state, due);
        AuditSession suspended = due.SuspendsRun ? session.Lineage[^1] : session;
        string should = due.Mode == BreakerMode.Enforce ? suspended.Spender.Session : "";
        string tool = due.Breaker == Breaker.SameToolCall ? session.Watch.LastCall?.Tool ?? "" : "";
        bool isRight = tripped.Mode == due.Mode && tripped.Count == AuditNumbers.Shown(due.Count)
            && tripped.Limit == due.Limit && tripped.Suspended == should && tripped.Tool == tool;
        if (!isRight)
            state.Find(
                AuditRule.Breaker,
                $"{due.Breaker} counts {due.Count} of {due.Limit}, is to {due.Mode} and suspends '{should}', and it "
                + $"says {tripped}");
        if (due.Mode != BreakerMode.Enforce) return;
        suspended.State = State.Suspended;
        suspended.SuspendedBy = session;
        CountSuspended(state, suspended.Spender);
    }

    /// <summary>A session was suspended by a breaker, or for usage in dispute.</summary>
    public static void CountSuspended(AuditState state, Spender spender)
    {
        foreach (string whom in WhomOf(spender))
        {
            (Int128 hour, long sessions, bool isTold) = state.SuspendedInHour.GetValueOrDefault(whom);
            Int128 now = state.Now / AuditNumbers.Hour;
            state.SuspendedInHour[whom] = hour == now ? (now, sessions + 1, isTold) : (now, 1, false);
        }
    }

    /// <summary>An agent for one of its users.</summary>
    public static string UserOf(string agent, string user) => $"{agent}/users/{user}";

    // Whose sessions are counted: a user's of an agent, and the agent's.
    private static string[] WhomOf(Spender spender) => spender.OnBehalfOf.Length == 0
        ? [spender.Agent]
        : [UserOf(spender.Agent, spender.OnBehalfOf), spender.Agent];

    private static void TripAgent(AuditState state, BreakerTripped tripped, AuditTrip due)
    {
        string should = due.Mode == BreakerMode.Enforce ? due.Whom : "";
        bool isRight = tripped.Mode == due.Mode && tripped.Count == due.Count && tripped.Limit == due.Limit
            && tripped.Suspended == should && tripped.Agent == due.Whom;
        if (!isRight) state.Find(AuditRule.Breaker, $"the breaker of {due.Whom} says {tripped}, and it is {due}");
        MarkTold(state, due);
        if (should.Length > 0) state.Suspended.Add(should);
    }

    private static void MarkTold(AuditState state, AuditTrip due)
    {
        if (due.Whom.Length == 0)
        {
            due.Session.Watch.Told.Add(due.Breaker);
        }
        else if (due.Breaker == Breaker.SuspendedSessions)
        {
            (Int128 hour, long sessions, _) = state.SuspendedInHour[due.Whom];
            state.SuspendedInHour[due.Whom] = (hour, sessions, true);
        }
        else
        {
            state.InMinute[(due.Whom, due.Breaker)].IsTold = true;
        }
    }

    private static AuditTrip? DueOfAgent(AuditState state, AuditSession owner)
    {
        string agent = owner.Spender.Agent;
        if (state.IsFormer || state.Suspended.Contains(agent) || state.Decommissioned.Contains(agent)) return null;
        foreach (string whom in WhomOf(owner.Spender))
        {
            (Int128 Times, BreakerMode Mode)? given =
                whom == agent ? owner.Agent.SuspendedSessions : owner.Agent.SuspendedSessionsOfUser;
            if (given is not { } rule || state.Suspended.Contains(whom)) continue;
            (Int128 hour, long sessions, bool isTold) = state.SuspendedInHour.GetValueOrDefault(whom);
            if (hour != state.Now / AuditNumbers.Hour || sessions <= rule.Times || isTold) continue;
            return new AuditTrip(
                owner, Breaker.SuspendedSessions, sessions, rule.Times, rule.Mode, SuspendsRun: false, whom);
        }

        return DueInMinute(state, owner, Breaker.RefusalsOfAgent, owner.Agent.RefusalsOfAgent)
            ?? DueInMinute(state, owner, Breaker.BurnRateOfAgent, owner.Agent.BurnRateOfAgent);
    }

    private static AuditTrip? DueInMinute(
        AuditState state, AuditSession owner, Breaker breaker, (Int128 Times, BreakerMode Mode)? given)
    {
        string agent = owner.Spender.Agent;
        if (given is not { } rule || !state.InMinute.TryGetValue((agent, breaker), out AuditMinute? minute))
            return null;
        Int128 count = minute.CountAt(state.Now / BurnStep, BurnSteps);
        return count <= rule.Times || minute.IsTold
            ? null
            : new AuditTrip(owner, breaker, count, rule.Times, rule.Mode, SuspendsRun: false, agent);
    }

    private static void CountInMinute(
        AuditState state, AuditSession session, Breaker breaker, (Int128 Times, BreakerMode Mode)? given, Int128 count)
    {
        if (given is not { } rule) return;
        (string, Breaker) key = (session.Spender.Agent, breaker);
        if (!state.InMinute.TryGetValue(key, out AuditMinute? minute)) state.InMinute[key] = minute = new AuditMinute();
        Int128 step = state.Now / BurnStep;
        if (minute.CountAt(step, BurnSteps) <= rule.Times) minute.IsTold = false;
        minute.Counts.RemoveAll(counted => counted.Step <= step - BurnSteps);
        minute.Counts.Add((step, count));
    }

    /// <summary>
    /// A breaker that tripped is told by the next event, or by the one after the refusals of its session that are told
    /// before anything else of it.
    /// </summary>
    public static void CheckDue(AuditState state, LedgerEvent ledgerEvent)
    {
        if (state.TripDue is not { } due || ledgerEvent.BreakerTripped is not null) return;
        bool areRefusalsBefore = ledgerEvent.RefusalsCoalesced is not null
            && ledgerEvent.Spender.Session == due.Session.Spender.Session;
        if (areRefusalsBefore) return;
        state.Find(
            AuditRule.Breaker, $"{due.Breaker} of {due.Session.Spender.Session} tripped at the event before, untold");
        MarkTold(state, due);
        state.TripDue = null;
    }

    /// <summary>Whether an event made a breaker trip, of its session or of one above it.</summary>
    public static void FindDue(AuditState state, AuditSession session)
    {
        foreach (AuditSession owner in session.Lineage)
        {
            if (owner.Agent.Breakers is not { } breakers || owner.Lineage.Any(above => above.State != State.Open))
                continue;
            if (DueOf(owner, breakers) is not { } due) continue;
            state.TripDue = due;
            return;
        }

        foreach (AuditSession owner in session.Lineage)
        {
            if ((state.TripDue = DueOfAgent(state, owner)) is not null) return;
        }
    }

    public static void CountCall(AuditSession session, bool isStep, string tool, string digest)
    {
        AuditWatch watch = session.Watch;
        if (session.Agent.Breakers is null) return;
        if (isStep) watch.Steps++;
        watch.Refusals = 0;
        watch.Told.Remove(Breaker.Refusals);
        if (tool.Length == 0) return;
        (string, string)? call = digest.Length == 0 ? null : (tool, digest);
        bool isSame = call is not null && call == watch.LastCall;
        if (!isSame) watch.Told.Remove(Breaker.SameToolCall);
        watch.SameCalls = isSame ? watch.SameCalls + 1 : call is null ? 0 : 1;
        watch.LastCall = call;
    }

    /// <summary>The call of a tool that no hold is for: without a digest it may be any call.</summary>
    public static void CountCallOf(AuditSession session, string tool, string digest) =>
        CountCall(session, isStep: false, digest.Length > 0 ? tool : "", digest);

    public static void CountRefusals(AuditState state, AuditSession session, long refusals)
    {
        CountInMinute(state, session, Breaker.RefusalsOfAgent, session.Agent.RefusalsOfAgent, refusals);
        if (session.Agent.Breakers is not null) session.Watch.Refusals += refusals;
    }

    public static void CountCharge(AuditState state, AuditSession session, Int128 nanos)
    {
        Int128 now = state.Now;
        CountInMinute(state, session, Breaker.BurnRateOfAgent, session.Agent.BurnRateOfAgent, nanos);
        foreach (AuditSession owner in session.Lineage)
        {
            if (owner.Agent.Breakers is not { } breakers) continue;
            AuditWatch watch = owner.Watch;
            Int128 step = now / BurnStep;
            watch.Charges.RemoveAll(charge => charge.Step <= step - BurnSteps);
            watch.Charges.Add((step, nanos));
            if (breakers.BurnRate is { } burn && watch.Burned <= AuditNumbers.OptionalNanosOf(burn.CostPerMinute))
                watch.Told.Remove(Breaker.BurnRate);
        }
    }

    private static AuditTrip? DueOf(AuditSession owner, Breakers breakers)
    {
        AuditWatch watch = owner.Watch;
        if (breakers.SameToolCall is { } same && watch.SameCalls >= same.Times && Untold(Breaker.SameToolCall))
            return Of(Breaker.SameToolCall, watch.SameCalls, same.Times, same.Mode, same.Suspends);
        if (breakers.BurnRate is { } burn && AuditNumbers.OptionalNanosOf(burn.CostPerMinute) is { } limit
            && watch.Burned > limit && Untold(Breaker.BurnRate))
        {
            return Of(Breaker.BurnRate, watch.Burned, limit, burn.Mode, burn.Suspends);
        }

        if (breakers.StepsWithoutOutcome is { } steps && watch.Steps > steps.Times
            && Untold(Breaker.StepsWithoutOutcome))
        {
            return Of(Breaker.StepsWithoutOutcome, watch.Steps, steps.Times, steps.Mode, steps.Suspends);
        }

        return breakers.Refusals is { } refusals && watch.Refusals > refusals.Times && Untold(Breaker.Refusals)
            ? Of(Breaker.Refusals, watch.Refusals, refusals.Times, refusals.Mode, refusals.Suspends)
            : null;

        bool Untold(Breaker breaker) => !watch.Told.Contains(breaker);

        AuditTrip Of(Breaker breaker, Int128 count, Int128 limit, BreakerMode mode, BreakerReach reach) => new(
            owner, breaker, count, limit, mode == BreakerMode.Observe ? mode : BreakerMode.Enforce,
            reach == BreakerReach.Run);
    }
}

/// <summary>A breaker that must be told next.</summary>
internal sealed record AuditTrip(
    AuditSession Session,
    Breaker Breaker,
    Int128 Count,
    Int128 Limit,
    BreakerMode Mode,
    bool SuspendsRun,
    string Whom = "");

/// <summary>What a breaker of an agent counts over all of its sessions.</summary>
internal sealed class AuditMinute
{
    /// <summary>Counts of the last minute, by step of ten seconds.</summary>
    public List<(Int128 Step, Int128 Count)> Counts { get; } = [];

    /// <summary>The breaker was told of them.</summary>
    public bool IsTold { get; set; }

    public Int128 CountAt(Int128 step, int steps) =>
        Counts.Where(one => one.Step > step - steps).Aggregate((Int128)0, (sum, one) => sum + one.Count);
}

/// <summary>What breakers see of one session.</summary>
internal sealed class AuditWatch
{
    public (string Tool, string Digest)? LastCall { get; set; }

    public long SameCalls { get; set; }

    public long Steps { get; set; }

    public long Refusals { get; set; }

    /// <summary>Charges of the last minute, by step of ten seconds.</summary>
    public List<(Int128 Step, Int128 Nanos)> Charges { get; } = [];

    public HashSet<Breaker> Told { get; } = [];

    public Int128 Burned => Charges.Aggregate((Int128)0, (sum, charge) => sum + charge.Nanos);

    public void Reset()
    {
        LastCall = null;
        SameCalls = Steps = Refusals = 0;
        Charges.Clear();
        Told.Clear();
    }
}
