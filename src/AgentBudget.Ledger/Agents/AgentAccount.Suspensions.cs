using AgentBudget.Ledger.Sessions;
using AgentBudget.Protocol.Snapshot.V1;

namespace AgentBudget.Ledger.Agents;

// Its sessions that were suspended, its users' apart, and what its breakers made of that.
internal sealed partial class AgentAccount
{
    // Of the hour of the latest one, by user: as many at most as sessions were suspended in it.
    private readonly Dictionary<string, SuspensionCount> _ofUsers = new(StringComparer.Ordinal);
    private readonly HashSet<string> _suspendedUsers = new(StringComparer.Ordinal);
    private SuspensionCount _suspensions;

    /// <summary>What watches the agent itself.</summary>
    public BreakerRule SuspendedSessions { get; private set; } = BreakerRule.None;

    /// <summary>What watches each of its users.</summary>
    public BreakerRule SuspendedSessionsOfUser { get; private set; } = BreakerRule.None;

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

    /// <summary>Whose breaker trips now and has not in this hour: a user's, its own; null for none.</summary>
    public (string Whom, BreakerRule Rule, long Count)? FindTripped(string user, long nowNanos)
    {
        if (Standing != Standing.Active) return null;
        if (user.Length > 0 && !IsSuspendedFor(user))
        {
            SuspensionCount ofUser = _ofUsers.GetValueOrDefault(user).At(nowNanos);
            if (ofUser.IsBeyond(SuspendedSessionsOfUser.Limit))
                return (Names.User(Name, user), SuspendedSessionsOfUser, ofUser.Sessions);
        }

        SuspensionCount own = _suspensions.At(nowNanos);
        return own.IsBeyond(SuspendedSessions.Limit) ? (Name, SuspendedSessions, own.Sessions) : null;
    }

    /// <summary>Its breaker was told of them, or that of one of its users; enforced, it suspends.</summary>
    public void Trip(string user, bool isSuspended, long nowNanos)
    {
        if (user.Length == 0)
        {
            _suspensions = _suspensions.At(nowNanos) with { IsTold = true };
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
        foreach (UserSuspensionsState user in state.Users)
        {
            _ofUsers[user.User] = SuspensionCount.Of(nowNanos, user.SuspendedInHour, user.SuspensionsTold);
            if (user.Suspended) _suspendedUsers.Add(user.User);
        }
    }
}
