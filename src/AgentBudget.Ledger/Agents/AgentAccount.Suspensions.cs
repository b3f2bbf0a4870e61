using AgentBudget.Ledger.Sessions;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Agents;

// Its sessions that were suspended, its users' apart, and what its breakers made of that.
internal sealed partial class AgentAccount
{
    // Of the hour of the latest one, by user: as many at most as sessions were suspended in it.
    private readonly Dictionary<string, SuspensionCount> _ofUsers = new(StringComparer.Ordinal);
    private readonly HashSet<string> _suspendedUsers = new(StringComparer.Ordinal);
    private SuspensionCount _suspensions;
    private MinuteCount? _refusals;
    private MinuteCount? _burn;

    /// <summary>What watches the agent itself.</summary>
    public BreakerRule SuspendedSessions { get; private set; } = BreakerRule.None;

    /// <summary>What watches each of its users.</summary>
    public BreakerRule SuspendedSessionsOfUser { get; private set; } = BreakerRule.None;

    /// <summary>What watches the refusals of all its sessions.</summary>
    public BreakerRule RefusalsOfAgent { get; private set; } = BreakerRule.None;

    /// <summary>What watches what is charged to all its sessions.</summary>
    public BreakerRule BurnRateOfAgent { get; private set; } = BreakerRule.None;

    /// <summary>Whether it does nothing for a user, while it goes on for others.</summary>
    public bool IsSuspendedFor(string user) => _suspendedUsers.Count > 0 && _suspendedUsers.Contains(user);

    /// <summary>A session of it was suspended by a breaker, or for usage in dispute.</summary>
    public void CountSuspended(string user, long nowNanos)
    {
        if (_suspensions.At(nowNanos) != _suspensions) _ofUsers.Clear();
        _suspensions = _suspensions.At(nowNanos);
        _suspensions = _suspensions with { Sessions = _suspensions.Sessions + 1 };
        if (user.Length == 0) return;
        SuspensionCount ofUser = _ofUsers.GetValueOrDefault(user).At(nowNanos);
        _ofUsers[user] = ofUser with { Sessions = ofUser.Sessions + 1 };
    }

    /// <summary>Calls of one of its sessions were refused.</summary>
    public void CountRefusals(long refusals, long nowNanos)
    {
        if (RefusalsOfAgent != BreakerRule.None)
            (_refusals ??= new MinuteCount()).Add(refusals, nowNanos, RefusalsOfAgent.Limit);
    }

    /// <summary>Money was charged to one of its sessions.</summary>
    public void CountCharge(long nanos, long nowNanos)
    {
        if (BurnRateOfAgent != BreakerRule.None)
            (_burn ??= new MinuteCount()).Add(nanos, nowNanos, BurnRateOfAgent.Limit);
    }

    /// <summary>Whether its breaker trips by so many more refusals.</summary>
    public bool TripsWithRefusals(long refusals, long nowNanos) =>
        Standing == Standing.Active && RefusalsOfAgent != BreakerRule.None
        && (_refusals?.TripsWith(refusals, nowNanos, RefusalsOfAgent.Limit) ?? refusals - RefusalsOfAgent.Limit) > 0;

    /// <summary>
    /// Whose breaker trips now and has not been told: a user's, its own; null for none. The first in the order of
    /// <see cref="Breaker"/>.
    /// </summary>
    public (string Whom, Breaker Breaker, BreakerRule Rule, long Count)? FindTripped(string user, long nowNanos)
    {
        if (Standing != Standing.Active) return null;
        if (user.Length > 0 && !IsSuspendedFor(user))
        {
            SuspensionCount ofUser = _ofUsers.GetValueOrDefault(user).At(nowNanos);
            if (ofUser.IsBeyond(SuspendedSessionsOfUser.Limit))
                return (Names.User(Name, user), Breaker.SuspendedSessions, SuspendedSessionsOfUser, ofUser.Sessions);
        }

        SuspensionCount own = _suspensions.At(nowNanos);
        if (own.IsBeyond(SuspendedSessions.Limit))
            return (Name, Breaker.SuspendedSessions, SuspendedSessions, own.Sessions);
        long refusals = _refusals?.TripsWith(0, nowNanos, RefusalsOfAgent.Limit) ?? 0;
        if (refusals > 0) return (Name, Breaker.RefusalsOfAgent, RefusalsOfAgent, refusals);
        long burned = _burn?.TripsWith(0, nowNanos, BurnRateOfAgent.Limit) ?? 0;
        return burned > 0 ? (Name, Breaker.BurnRateOfAgent, BurnRateOfAgent, burned) : null;
    }

    /// <summary>Its breaker was told of them, or that of one of its users; enforced, it suspends.</summary>
    public void Trip(Breaker breaker, string user, bool isSuspended, long nowNanos)
    {
        if (user.Length == 0)
        {
            if (breaker == Breaker.RefusalsOfAgent) _refusals!.Tell();
            else if (breaker == Breaker.BurnRateOfAgent) _burn!.Tell();
            else _suspensions = _suspensions.At(nowNanos) with { IsTold = true };
            if (isSuspended) Standing = Standing.Suspended;
            return;
        }

        _ofUsers[user] = _ofUsers.GetValueOrDefault(user).At(nowNanos) with { IsTold = true };
        if (isSuspended) _suspendedUsers.Add(user);
    }

    /// <summary>It goes on, or goes on for one of its users, and counts from zero.</summary>
    public void Resume(string user)
    {
        if (user.Length == 0)
        {
            Standing = Standing.Active;
            _suspensions = _suspensions with { Sessions = 0, IsTold = false };
            _refusals = _burn = null;
            return;
        }

        _suspendedUsers.Remove(user);
        _ofUsers.Remove(user);
    }

    /// <summary>What a snapshot keeps of it at its time.</summary>
    public void TakeSuspensions(AgentState state, long nowNanos)
    {
        SuspensionCount own = _suspensions.At(nowNanos);
        (state.SuspendedInHour, state.SuspensionsTold) = (own.Sessions, own.IsTold);
        (state.Refusals, state.Burn) = (_refusals?.ToState(), _burn?.ToState());
        foreach (string user in _ofUsers.Keys.Union(_suspendedUsers).Order(StringComparer.Ordinal))
        {
            SuspensionCount ofUser = _ofUsers.GetValueOrDefault(user).At(nowNanos);
            if (ofUser.Sessions == 0 && !IsSuspendedFor(user)) continue;
            state.Users.Add(new UserSuspensionsState
            {
                User = user,
                SuspendedInHour = ofUser.Sessions,
                SuspensionsTold = ofUser.IsTold,
                Suspended = IsSuspendedFor(user),
            });
        }
    }

    /// <summary>Takes back what a snapshot has of its time.</summary>
    public void RestoreSuspensions(AgentState state, long nowNanos)
    {
        _suspensions = SuspensionCount.Of(nowNanos, state.SuspendedInHour, state.SuspensionsTold);
        (_refusals, _burn) = (MinuteCount.Restore(state.Refusals), MinuteCount.Restore(state.Burn));
        foreach (UserSuspensionsState user in state.Users)
        {
            _ofUsers[user.User] = SuspensionCount.Of(nowNanos, user.SuspendedInHour, user.SuspensionsTold);
            if (user.Suspended) _suspendedUsers.Add(user.User);
        }
    }
}
