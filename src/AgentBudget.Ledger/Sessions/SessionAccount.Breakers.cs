using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

// Suspension, and the breakers that bring it about.
internal sealed partial class SessionAccount
{
    /// <summary>What its agent's breakers count of it; null while nothing was counted.</summary>
    public BreakerCounts? BreakerCounts { get; private set; }

    /// <summary>The number of the session whose breaker suspended it; 0 where nothing or a person did.</summary>
    public long SuspendedBy { get; private set; }

    public bool IsSuspended => State == Session.Types.State.Suspended;

    /// <summary>A call was granted.</summary>
    public void CountCall(bool isStep, string tool, string argumentsDigest)
    {
        if (Agent.Breakers is not null) (BreakerCounts ??= new()).CountCall(isStep, tool, argumentsDigest);
    }

    /// <summary>
    /// The call of a tool was allowed or charged. Without a digest of its arguments it does not say which call it is.
    /// </summary>
    public void CountCallOf(string tool, string argumentsDigest) =>
        CountCall(isStep: false, argumentsDigest.Length > 0 ? tool : "", argumentsDigest);

    /// <summary>Calls were refused.</summary>
    public void CountRefusals(long refusals, long nowNanos)
    {
        Refused += refusals;
        Agent.CountRefusals(refusals, nowNanos);
        if (Agent.Breakers is not null) (BreakerCounts ??= new()).CountRefusals(refusals);
    }

    /// <summary>Money was charged to it, and so to everything above it.</summary>
    public void CountCharge(long nanos, long nowNanos)
    {
        Agent.CountCharge(nanos, nowNanos);
        for (SessionAccount? owner = this; owner is not null; owner = owner.Parent)
        {
            if (owner.Agent.Breakers is { } rules)
                (owner.BreakerCounts ??= new()).CountCharge(nanos, nowNanos, rules.BurnRate.Limit);
        }
    }

    /// <summary>Stops spending here and below. By a breaker of a session, or by a person.</summary>
    public void Suspend(string reason, long suspendedBy)
    {
        Invariant.Holds(State == Session.Types.State.Open);
        State = Session.Types.State.Suspended;
        EndReason = reason;
        SuspendedBy = suspendedBy;
    }

    /// <summary>Spends again; its breakers count from zero.</summary>
    public void Resume()
    {
        Invariant.Holds(IsSuspended);
        BreakerCounts?.Reset();
        State = Session.Types.State.Open;
        EndReason = "";
        SuspendedBy = 0;
    }

    /// <summary>Refusals of this session that are counted and not told; null while none had to be.</summary>
    public RefusalWindow? RefusalWindow { get; private set; }

    public bool HasUntoldRefusals => RefusalWindow is { Untold: > 0 };

    /// <summary>Whether a refusal is only counted, to be told with others.</summary>
    public bool TryCountRefusal(ReservationRefused refused, long nowNanos) =>
        (RefusalWindow ??= new RefusalWindow(this)).TryCount(refused, nowNanos);

    /// <summary>Whether what is untold has to be told now: there is much of it, or a breaker trips by it.</summary>
    public bool MustTellRefusals(long nowNanos)
    {
        long untold = RefusalWindow!.Untold;
        if (untold >= RefusalWindow.UntoldMax || Agent.TripsWithRefusals(untold, nowNanos)) return true;
        if (Agent.Breakers is not { } rules || CheckOpen().IsRefused) return false;
        return BreakerCounts?.TripsWith(untold, rules.Refusals.Limit) ?? untold > rules.Refusals.Limit;
    }
}
