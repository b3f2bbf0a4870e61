using System.Diagnostics;
using AgentBudget.Api.Budgets;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Sessions;

/// <summary>What a caller is told about an event of a session.</summary>
internal static class SessionViews
{
    internal static Session Opened(LedgerEvent ledgerEvent, string currency)
    {
        SessionOpened opened = ledgerEvent.SessionOpened
            ?? throw new UnreachableException($"an open is not answered by {ledgerEvent.FactCase}");
        Spender spender = ledgerEvent.Spender;
        Session session = new()
        {
            Session_ = Names.Session(ledgerEvent.Sequence),
            State = Session.Types.State.Open,
            Agent = spender.Agent,
            UseCase = spender.UseCase,
            BusinessUnit = spender.BusinessUnit,
            Task = opened.Task,
            OnBehalfOf = spender.OnBehalfOf,
            Unattended = opened.Unattended,
            OpenTime = ledgerEvent.Time,
            ExpireTime = opened.ExpireTime,
            LifetimeEndTime = opened.LifetimeEndTime,
            Ceilings = opened.Ceilings,
            Settled = ReservationViews.AmountOf(0, 0, currency),
            Held = ReservationViews.AmountOf(0, 0, currency),
            Parent = spender.Parent,
            Run = spender.Run.Length > 0 ? spender.Run : spender.Session,
            Depth = opened.Delegation?.Depth ?? 0,
            Confirmation = opened.Confirmation,
            UserProof = opened.UserProof,
            Credential = opened.Credentials.Count > 0 ? Names.Credential(opened.Credentials[0]) : "",
        };
        session.Tools.AddRange(opened.Tools);
        session.Models.AddRange(opened.Models);
        session.Tags.Add(opened.Tags);
        return session;
    }

    internal static Session Renewed(LedgerEvent ledgerEvent) => ledgerEvent.SessionRenewed?.Session
        ?? throw new UnreachableException($"a renewal is not answered by {ledgerEvent.FactCase}");

    internal static Session Ended(LedgerEvent ledgerEvent) => ledgerEvent.SessionEnded?.Session
        ?? throw new UnreachableException($"an end is not answered by {ledgerEvent.FactCase}");

    internal static Session Suspended(LedgerEvent ledgerEvent) => ledgerEvent.SessionSuspended?.Session
        ?? throw new UnreachableException($"a suspension is not answered by {ledgerEvent.FactCase}");

    internal static Session Resumed(LedgerEvent ledgerEvent) => ledgerEvent.SessionResumed?.Session
        ?? throw new UnreachableException($"a resumption is not answered by {ledgerEvent.FactCase}");

    /// <summary>What the session's token says.</summary>
    internal static SessionCaller CallerOf(Session session, string tenant) => new()
    {
        Tenant = tenant,
        Session = session.Session_,
        Agent = session.Agent,
        UseCase = session.UseCase,
        OnBehalfOf = session.OnBehalfOf,
        Scope = string.Join(' ', session.Tools),
        ExpiresAtSeconds = CeilingSeconds(session.ExpireTime),
        Binding = session.Confirmation is { } bound
            ? TokenBinding.Of(bound.CertificateSha256, bound.KeyThumbprint)
            : null,
    };

    // Rounded up: a token does not end before its session, whose own state decides to the nano.
    private static long CeilingSeconds(Timestamp time) => time.Nanos > 0 ? time.Seconds + 1 : time.Seconds;
}
