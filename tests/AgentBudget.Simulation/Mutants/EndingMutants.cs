using AgentBudget.Protocol.V1;

namespace AgentBudget.Simulation.Mutants;

/// <summary>An access token that is revoked leaves open what was opened with it.</summary>
internal sealed class TokenLeavesSessions : EventMutant
{
    protected override void Change(LedgerEvent recorded) => recorded.AccessTokenRevoked?.Sessions.Clear();
}

/// <summary>The sessions of a user who left are ended but for the last.</summary>
internal sealed class UserKeepsSession : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.SessionsRevoked is { Sessions.Count: > 1 } revoked)
            revoked.Sessions.RemoveAt(revoked.Sessions.Count - 1);
    }
}

/// <summary>What a user who left gave ends before the clock of the user's issuer may say so.</summary>
internal sealed class UserGivesOn : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.SessionsRevoked?.DelegationsUntil is { } until) until.Seconds -= 5;
    }
}

/// <summary>A session that reported what no call can have had goes on.</summary>
internal sealed class LiarGoesOn : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ReservationSettled is { Disputed: true } settled) settled.Suspended = "";
    }
}
