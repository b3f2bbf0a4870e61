using System.Globalization;
using AgentBudget.Ledger;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Fact = AgentBudget.Protocol.V1.LedgerEvent.FactOneofCase;

namespace AgentBudget.Notifications.Notices;

/// <summary>
/// The notices of a ledger event, from the event alone: the same event makes the same notices under the same ids, on
/// whichever silo and however often.
/// </summary>
/// <param name="tenant">The tenant's id.</param>
/// <param name="currency">Its currency.</param>
internal sealed class NoticeMaker(string tenant, string currency)
{
    /// <summary>The notices of an event; most events have none.</summary>
    public IReadOnlyList<Notice> Of(LedgerEvent told)
    {
        Notice[] notices = told.FactCase switch
        {
            Fact.ReservationHeld => Tiers(told, NoticeKind.BudgetTierHeld, told.ReservationHeld.TiersHeld),
            Fact.ReservationAmended => Tiers(told, NoticeKind.BudgetTierHeld, told.ReservationAmended.TiersHeld),
            Fact.ReservationSettled =>
            [
                .. Tiers(told, NoticeKind.BudgetTierReached, told.ReservationSettled.TiersCrossed),
                .. Disputed(told),
            ],
            Fact.CostRecorded => Tiers(told, NoticeKind.BudgetTierReached, told.CostRecorded.TiersCrossed),
            Fact.SpendAdjusted => Tiers(told, NoticeKind.BudgetTierReached, told.SpendAdjusted.TiersCrossed),
            Fact.DisputeDecided => Tiers(told, NoticeKind.BudgetTierReached, told.DisputeDecided.TiersCrossed),
            Fact.ReservationRefused => Refused(told),
            Fact.RefusalsCoalesced => RefusedTogether(told),
            Fact.BudgetExtended => [Extended(told)],
            Fact.BreakerTripped => [Tripped(told)],
            Fact.SessionSuspended => [OfSession(told, NoticeKind.SessionSuspended, told.SessionSuspended.Reason)],
            Fact.SessionResumed => [OfSession(told, NoticeKind.SessionResumed, told.SessionResumed.Reason)],
            Fact.SessionEnded => Ended(told),
            Fact.SessionsRevoked => [RevokedTogether(told)],
            Fact.AgentSuspended =>
                [OfAgent(told, NoticeKind.AgentSuspended, told.AgentSuspended.Agent, told.AgentSuspended.Reason)],
            Fact.AgentResumed =>
                [OfAgent(told, NoticeKind.AgentResumed, told.AgentResumed.Agent, told.AgentResumed.Reason)],
            Fact.AgentDecommissioned =>
            [
                OfAgent(
                    told,
                    NoticeKind.AgentDecommissioned,
                    told.AgentDecommissioned.Agent,
                    told.AgentDecommissioned.Reason),
            ],
            Fact.ExtensionRequested => [Requested(told)],
            Fact.ExtensionDecided => [Decided(told)],
            _ => [], // Nobody is told of the rest.
        };
        for (int index = 0; index < notices.Length; index++) notices[index].Id = Id(told.Sequence, index);
        foreach (Notice notice in notices) notice.Text = NoticeText.Of(notice);
        return notices;
    }

    /// <summary>The notice that tries an endpoint.</summary>
    public Notice Test(long sequence, string endpoint, DateTimeOffset now)
    {
        Notice notice = new()
        {
            Id = Id(sequence, 0),
            Kind = NoticeKind.Test,
            Subject = endpoint,
            Time = Timestamp.FromDateTimeOffset(now),
            Sequence = sequence,
        };
        notice.Text = NoticeText.Of(notice);
        return notice;
    }

    /// <summary>The notice that a credential expires in less than so many days.</summary>
    public Notice Expiring(Credential credential, long number, int days, DateTimeOffset now)
    {
        bool isAgents = credential.Principal.StartsWith(Names.AgentPrefix, StringComparison.Ordinal);
        Notice notice = new()
        {
            Id = Id(number, days),
            Kind = NoticeKind.CredentialExpiring,
            Subject = credential.Credential_,
            Time = Timestamp.FromDateTimeOffset(now),
            Sequence = number,
            Credential = credential.Credential_,
            Principal = credential.Principal,
            Agent = isAgents ? credential.Principal : "",
            Grain = isAgents ? credential.Principal : "",
            ExpireTime = credential.ExpireTime,
        };
        notice.Text = NoticeText.Of(notice);
        return notice;
    }

    /// <summary>Refusals that were counted since one was told, after the last of them.</summary>
    public static Notice Counted(Notice last, long count)
    {
        Notice notice = last.Clone();
        notice.Id = last.Id[..(last.Id.LastIndexOf('_') + 1)] + "1";
        notice.Count = count;
        notice.Text = NoticeText.Of(notice);
        return notice;
    }

    /// <summary>The id of a notice of an event.</summary>
    public static string IdOf(string tenant, long sequence, int index) =>
        string.Create(CultureInfo.InvariantCulture, $"evt_{tenant}_{sequence}_{index}");

    private string Id(long sequence, int index) => IdOf(tenant, sequence, index);

    private Money MoneyOf(long nanos) => MoneyMath.ToMoney(nanos, currency);

    private static Notice New(LedgerEvent told, NoticeKind kind, string subject) => new()
    {
        Kind = kind,
        Subject = subject,
        Time = told.Time,
        Sequence = told.Sequence,
        Actor = told.Actor,
        Session = told.Spender?.Session ?? "",
        Agent = told.Spender?.Agent ?? "",
        UseCase = told.Spender?.UseCase ?? "",
        BusinessUnit = told.Spender?.BusinessUnit ?? "",
        OnBehalfOf = told.Spender?.OnBehalfOf ?? "",
    };

    private static Notice[] Tiers(LedgerEvent told, NoticeKind kind, RepeatedField<TierCrossing> crossings) =>
    [
        .. crossings.Select(crossing =>
        {
            Notice notice = New(told, kind, crossing.Grain);
            notice.Grain = crossing.Grain;
            notice.Window = crossing.Window;
            notice.AtPercent = crossing.AtPercent;
            notice.Notify.Add(crossing.Notify);
            return notice;
        }),
    ];

    private Notice[] Disputed(LedgerEvent told)
    {
        ReservationSettled settled = told.ReservationSettled;
        if (!settled.Disputed) return [];
        Notice notice = New(told, NoticeKind.UsageDisputed, told.Spender.Session);
        notice.Amount = MoneyOf(settled.OverrunNanos);
        notice.Tokens = settled.OverrunTokens;
        notice.Suspended = settled.Suspended;
        return [notice];
    }

    private Notice[] Refused(LedgerEvent told)
    {
        ReservationRefused refused = told.ReservationRefused;
        if (!IsOfBudget(refused.Reason)) return [];
        Notice notice = New(told, NoticeKind.BudgetExhausted, refused.Grain);
        notice.Grain = refused.Grain;
        notice.Window = refused.Window;
        notice.Refusal = refused.Reason;
        notice.Count = 1;
        if (refused.Unit == ReservationRefused.Types.Unit.Nanos)
        {
            notice.Limit = MoneyOf(refused.Limit);
            notice.Amount = MoneyOf(refused.Requested);
        }
        else
        {
            notice.Tokens = refused.Requested;
        }

        return [notice];
    }

    // Its event does not name the grain that refused; the window that the refusals before it opened does.
    private static Notice[] RefusedTogether(LedgerEvent told)
    {
        RefusalsCoalesced refused = told.RefusalsCoalesced;
        if (!IsOfBudget(refused.Reason)) return [];
        Notice notice = New(told, NoticeKind.BudgetExhausted, "");
        notice.Refusal = refused.Reason;
        notice.Count = refused.Count;
        return [notice];
    }

    private static bool IsOfBudget(Reason reason) => reason is Reason.AgentBudget or Reason.UseCaseBudget
        or Reason.BusinessUnitBudget or Reason.TenantBudget or Reason.UserBudget or Reason.ModelBudget;

    private static Notice Extended(LedgerEvent told)
    {
        BudgetExtended extended = told.BudgetExtended;
        Notice notice = New(told, NoticeKind.BudgetExtended, extended.Grain);
        notice.Grain = extended.Grain;
        notice.Window = extended.Window;
        notice.Limit = extended.After?.Limit;
        notice.Tokens = extended.After?.LimitTokens ?? 0;
        notice.Reason = extended.Reason;
        notice.ExpireTime = extended.ExpireTime;
        return notice;
    }

    private static Notice Tripped(LedgerEvent told)
    {
        BreakerTripped tripped = told.BreakerTripped;
        // An agent's breaker trips for all of its sessions.
        string subject = tripped.Agent.Length > 0 ? tripped.Agent : told.Spender.Session;
        Notice notice = New(told, NoticeKind.BreakerTripped, subject);
        notice.Breaker = tripped.Breaker;
        notice.Mode = tripped.Mode;
        notice.Suspended = tripped.Suspended;
        notice.Count = tripped.Count;
        return notice;
    }

    private static Notice OfSession(LedgerEvent told, NoticeKind kind, string reason)
    {
        Notice notice = New(told, kind, told.Spender.Session);
        notice.Reason = reason;
        return notice;
    }

    private static Notice[] Ended(LedgerEvent told) =>
        told.SessionEnded is { State: Session.Types.State.Revoked, EndedWith: "" } ended
            ? [OfSession(told, NoticeKind.SessionRevoked, ended.Reason)]
            : [];

    private static Notice RevokedTogether(LedgerEvent told)
    {
        SessionsRevoked revoked = told.SessionsRevoked;
        string subject = revoked.Credential.Length > 0 ? revoked.Credential : Names.UserPrefix + revoked.OnBehalfOf;
        Notice notice = New(told, NoticeKind.SessionsRevoked, subject);
        notice.Credential = revoked.Credential;
        notice.OnBehalfOf = revoked.OnBehalfOf;
        notice.Reason = revoked.Reason;
        notice.Count = revoked.Sessions.Count;
        return notice;
    }

    private static Notice OfAgent(LedgerEvent told, NoticeKind kind, string agent, string reason)
    {
        Notice notice = New(told, kind, agent);
        notice.Agent = agent;
        notice.Grain = agent;
        notice.Reason = reason;
        return notice;
    }

    private Notice Requested(LedgerEvent told)
    {
        ExtensionRequested requested = told.ExtensionRequested;
        Notice notice = New(told, NoticeKind.ExtensionRequested, Names.ExtensionRequest(told.Sequence));
        notice.ExtensionRequest = notice.Subject;
        notice.Grain = requested.Grain;
        notice.Window = requested.Window;
        notice.Amount = requested.Nanos > 0 ? MoneyOf(requested.Nanos) : null;
        notice.Tokens = requested.Tokens;
        notice.Reason = requested.Reason;
        notice.Principal = told.Principal;
        notice.ExpireTime = requested.ExpireTime;
        return notice;
    }

    private Notice Decided(LedgerEvent told)
    {
        ExtensionDecided decided = told.ExtensionDecided;
        Notice notice = New(
            told, NoticeKind.ExtensionDecided, Names.ExtensionRequest(decided.ExtensionRequest));
        notice.ExtensionRequest = notice.Subject;
        notice.Decision = decided.Decision;
        notice.Grain = decided.Extended?.Grain ?? "";
        notice.Window = decided.Extended?.Window ?? "";
        notice.Amount = decided.Nanos > 0 ? MoneyOf(decided.Nanos) : null;
        notice.Tokens = decided.Tokens;
        notice.Limit = decided.Extended?.After?.Limit;
        notice.Reason = decided.Reason;
        return notice;
    }
}
