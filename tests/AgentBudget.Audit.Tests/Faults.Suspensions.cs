using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit.Tests;

// Suspension and breakers.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfSuspensions() => new()
    {
        ["a hold while suspended"] = new(AuditRule.Suspended, SuspendedWithHold, Again(Is.Held)),
        ["a hold below a suspended session"] = new(
            AuditRule.Suspended,
            ledger =>
            {
                long root = ledger.Open();
                ledger.Hold(ledger.OpenBelow(root));
                ledger.SuspendSession(root);
            },
            Again(Is.Held)),
        ["a suspension of what is suspended"] = new(
            AuditRule.Suspended, SuspendedWithHold, Again(e => e.SessionSuspended is not null)),
        ["a resumption of what is not suspended"] = new(
            AuditRule.Suspended,
            ledger =>
            {
                SuspendedWithHold(ledger);
                ledger.ResumeSession(ledger.Journal.First(Is.Opened).Sequence);
            },
            journal => Drop(journal, e => e.SessionSuspended is not null)),
        ["another sum in the record of a suspension"] = new(
            AuditRule.SessionTotals, SuspendedWithHold, Last(e => e.SessionSuspended.Session.Held.Tokens++)),
        ["a refusal for a suspension that is none"] = new(
            AuditRule.Refusal,
            ledger =>
            {
                SuspendedWithHold(ledger);
                ledger.Reserve(ledger.Journal.First(Is.Opened).Sequence);
            },
            journal => Drop(journal, e => e.SessionSuspended is not null)),
        ["a breaker that trips untold"] = new(
            AuditRule.Breaker,
            ledger =>
            {
                long other = ledger.Open();
                OneTrip(ledger);
                ledger.Hold(other);
            },
            journal => Drop(journal, e => e.BreakerTripped is not null),
            Watched),
        ["a breaker that trips before its time"] = new(
            AuditRule.Breaker, OneTrip, journal => Drop(journal, e => e.ReservationRefused is not null), Watched),
        ["another count of a breaker"] = new(
            AuditRule.Breaker, OneTrip, Last(e => e.BreakerTripped.Count++), Watched),
        ["another limit of a breaker"] = new(
            AuditRule.Breaker, OneTrip, Last(e => e.BreakerTripped.Limit++), Watched),
        ["a breaker that suspends nothing"] = new(
            AuditRule.Breaker, OneTrip, Last(e => e.BreakerTripped.Suspended = ""), Watched),
        ["another breaker"] = new(
            AuditRule.Breaker, OneTrip, Last(e => e.BreakerTripped.Breaker = Breaker.BurnRate), Watched),
        ["a breaker that trips at another tool call"] = new(
            AuditRule.Breaker,
            OneTripOfTools,
            journal => journal.First(e => e.ToolAuthorized is not null).ToolAuthorized.ToolArgumentsDigest = "b",
            Watched),
        ["a tool call that a breaker did not see"] = new(
            AuditRule.Breaker,
            OneTripOfTools,
            Last(e => e.BreakerTripped.Tool = "search.web"),
            Watched),
        ["a user's breaker that stops another user"] = new(
            AuditRule.Breaker,
            TwoTripsOfUser,
            Last(e => e.BreakerTripped.Suspended = $"{AuditedLedger.Writer}/users/user:lee@acme.test"),
            WatchesUsers),
        ["a user's breaker that stops everybody"] = new(
            AuditRule.Breaker,
            TwoTripsOfUser,
            Last(e => e.BreakerTripped.Agent = e.BreakerTripped.Suspended = AuditedLedger.Writer),
            WatchesUsers),
        ["an agent's refusals that trip its breaker untold"] = new(
            AuditRule.Breaker,
            ledger =>
            {
                SpreadRefusals(ledger);
                ledger.Extend(AuditedLedger.Promo, 1);
            },
            journal => Drop(journal, e => e.BreakerTripped is not null),
            WatchesAgent),
        ["another count of an agent's refusals"] = new(
            AuditRule.Breaker,
            SpreadRefusals,
            Last(e => e.BreakerTripped.Count++),
            WatchesAgent),
        ["an agent's breaker that stops where it observes"] = new(
            AuditRule.Breaker,
            SpreadRefusals,
            Last(e => e.BreakerTripped.Suspended = AuditedLedger.Writer),
            WatchesAgent),
        ["an agent's charges that trip its breaker untold"] = new(
            AuditRule.Breaker,
            ledger =>
            {
                OneBurn(ledger);
                ledger.Extend(AuditedLedger.Promo, 1);
            },
            journal => Drop(journal, e => e.BreakerTripped is not null),
            WatchesAgent),
        ["an agent's breaker of charges that were fewer"] = new(
            AuditRule.Breaker,
            OneBurn,
            Last(e => e.BreakerTripped.Count = 1),
            WatchesAgent),
        ["a hold for a user whom the agent is suspended for"] = new(
            AuditRule.AgentStanding,
            ledger =>
            {
                ledger.Hold(ledger.Open());
                TwoTripsOfUser(ledger);
            },
            Again(Is.Held),
            WatchesUsers),
        ["refusals told together that were none"] = new(
            AuditRule.Refusal, Repeated, Last(e => e.RefusalsCoalesced.Count = 0)),
        ["refusals told too late"] = new(
            AuditRule.Refusal, Repeated, Last(e => e.RefusalsCoalesced.FirstTime.Seconds--)),
        ["another number of refusals told together"] = new(
            AuditRule.SessionTotals,
            ledger =>
            {
                Repeated(ledger);
                ledger.End(ledger.Journal.First(Is.Opened).Sequence);
                ledger.Advance(TimeSpan.FromSeconds(30));
            },
            journal => journal.First(e => e.RefusalsCoalesced is not null).RefusalsCoalesced.Count++),
        ["a reset that resumes what no breaker suspended"] = new(
            AuditRule.Breaker,
            ledger =>
            {
                ledger.ResetBreaker(ledger.Open());
            },
            Last(e => e.BreakerReset.Resumed = e.Spender.Session)),
    };

    private static void SuspendedWithHold(AuditedLedger ledger)
    {
        long session = ledger.Open();
        ledger.Hold(session);
        ledger.SuspendSession(session);
    }

    private static void OneTrip(AuditedLedger ledger)
    {
        long session = ledger.Open();
        Twice(() => ledger.Reserve(session, request => request.Estimate.CacheReadTokens = 1));
    }

    private static void TwoTripsOfUser(AuditedLedger ledger) => Twice(() => OneTrip(ledger));

    private static void SpreadRefusals(AuditedLedger ledger) =>
        Twice(() => ledger.Reserve(ledger.Open(), request => request.Estimate.CacheReadTokens = 1));

    private static void OneBurn(AuditedLedger ledger)
    {
        long session = ledger.Open();
        ledger.Commit(session, ledger.Hold(session), 100, 20);
    }

    private static void OneTripOfTools(AuditedLedger ledger)
    {
        long session = ledger.Open();
        Twice(() => ledger.Authorize(session, "crm.read", digest: "a"));
    }

    private static void Repeated(AuditedLedger ledger)
    {
        long session = ledger.Open();
        for (int time = 0; time < 20; time++)
            ledger.Reserve(session, request => request.Estimate.CacheReadTokens = 1);
        ledger.Advance(TimeSpan.FromSeconds(10));
    }

    private static void Watched(Catalog catalog) =>
        catalog.Agents[0].Breakers = new Breakers
        {
            Refusals = new CountBreaker { Times = 1 },
            SameToolCall = new CountBreaker { Times = 2 },
        };

    private static void WatchesAgent(Catalog catalog) =>
        catalog.Agents[0].Breakers = new Breakers
        {
            RefusalsOfAgent = new CountBreaker { Times = 1, Mode = BreakerMode.Observe },
            BurnRateOfAgent = new BurnBreaker
            {
                CostPerMinute = new Money { CurrencyCode = "USD", Nanos = 1 },
                Mode = BreakerMode.Observe,
            },
        };

    private static void WatchesUsers(Catalog catalog) =>
        catalog.Agents[0].Breakers = new Breakers
        {
            Refusals = new CountBreaker { Times = 1 },
            SuspendedSessions = new CountBreaker { Times = 100 },
            SuspendedSessionsOfUser = new CountBreaker { Times = 1 },
        };
}
