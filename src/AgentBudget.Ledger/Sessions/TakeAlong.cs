using AgentBudget.Ledger.Credentials;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Sessions;

/// <summary>
/// Ends open sessions with what they came from: their agent, their credential, their access token, their user. The
/// event lists them; the ends follow as turns of the ledger's own, before any other command.
/// </summary>
internal static class TakeAlong
{
    public static Answer Handle(TenantLedger ledger, RevokeSessionsCommand command)
    {
        RevokeSessionsRequest request = command.Request;
        AskedRequest asked = new ContentHash(Operation.RevokeSessions)
            .Add(request.Credential)
            .Add(request.OnBehalfOf)
            .Add(request.Reason)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        long credential = 0;
        bool isName = request.Credential.Length == 0 || Names.TryParseCredential(request.Credential, out credential);
        var revoked = new SessionsRevoked
        {
            Credential = request.Credential,
            OnBehalfOf = request.OnBehalfOf,
            Reason = request.Reason,
        };
        Find(ledger, revoked.Sessions, session => isName
            && (credential == 0 || session.Opened.Credentials.Contains(credential))
            && (request.OnBehalfOf.Length == 0 || session.Spender.OnBehalfOf == request.OnBehalfOf));
        if (request.Credential.Length == 0)
        {
            if (ledger.Credentials.RevokedUsers >= CredentialBook.RevokedUsersMax
                && ledger.Credentials.FindRevoked(request.OnBehalfOf) is null)
            {
                string description = $"the tokens of {CredentialBook.RevokedUsersMax} users were ended within a day: "
                    + "wait until older ends are forgotten";
                return new Answer(Outcome.BoundReached, Faults: [new Fault("on_behalf_of", description)]);
            }

            revoked.DelegationsUntil = LogTime.ToTimestamp(ledger.Now + RevokedUser.ClockSkewNanos);
        }
        else if (revoked.Sessions.Count == 0)
        {
            return new Answer(Outcome.Done);
        }

        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.SessionsRevoked = revoked;
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, SessionsRevoked revoked)
    {
        if (revoked.DelegationsUntil is { } until)
            ledger.Add(new RevokedUser(revoked.OnBehalfOf, LogTime.FromTimestamp(until)));
        Apply(
            ledger,
            revoked.Sessions,
            revoked.Reason,
            revoked.Credential.Length > 0 ? revoked.Credential : Names.UserPrefix + revoked.OnBehalfOf);
    }

    /// <summary>Adds the open sessions that are taken, by number.</summary>
    public static void Find(TenantLedger ledger, RepeatedField<long> into, Func<SessionAccount, bool> isTaken) =>
        into.Add(ledger.Sessions.Values
            .Where(session => session.IsOpen && isTaken(session))
            .Select(session => session.Number)
            .Order());

    /// <summary>Makes the ends of what an event lists due.</summary>
    public static void Apply(TenantLedger ledger, RepeatedField<long> sessions, string reason, string endedWith)
    {
        foreach (long number in sessions)
        {
            SessionAccount session = ledger.Sessions[number];
            session.EndWith(new SessionEnded
            {
                State = Session.Types.State.Revoked,
                Reason = reason,
                EndedWith = endedWith,
            });
            ledger.SetDeadline(session.Deadline, ledger.LogTimeNanos);
        }
    }
}
