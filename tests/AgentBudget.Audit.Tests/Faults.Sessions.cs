using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit.Tests;

// Sessions.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfSessions() => new()
    {
        ["a session that was never opened"] = new(
            AuditRule.SessionKnown, OneCharge, Last(e => e.Spender.Session = "sessions/s999")),
        ["another agent on the path"] = new(
            AuditRule.SessionKnown, OneHold, Last(e => e.Spender.Agent = "agents/other")),
        ["a session called otherwise"] = new(
            AuditRule.SessionPath, OneSession, Last(e => e.Spender.Session = "sessions/s7")),
        ["a business unit that does not pay for the use case"] = new(
            AuditRule.SessionPath,
            OneSession,
            Last(e => e.Spender.BusinessUnit = "businessUnits/sales"),
            catalog => catalog.BusinessUnits.Add(new BusinessUnit { Id = "sales" })),
        ["a use case that the agent may not work for"] = new(
            AuditRule.SessionPath,
            OneSession,
            Last(e => e.Spender.UseCase = "useCases/secret"),
            catalog => catalog.UseCases.Add(new UseCase { Id = "secret", BusinessUnit = "marketing" })),
        ["an agent outside the catalog"] = new(
            AuditRule.SessionPath,
            ledger =>
            {
                ledger.Open();
            },
            Last(e => e.Spender.UseCase = "useCases/none")),
        ["a tool outside the agent's scope"] = new(
            AuditRule.SessionScope, OneSession, Last(e => e.SessionOpened.Tools.Add("billing.pay"))),
        ["a namespace outside the agent's scope"] = new(
            AuditRule.SessionScope, OneSession, Last(e => e.SessionOpened.Tools.Add("crm.*"))),
        ["a model outside the agent's scope"] = new(
            AuditRule.SessionScope, OneSession, Last(e => e.SessionOpened.Models.Add("opus"))),
        ["ceilings above the agent's"] = new(
            AuditRule.SessionScope, OneSession, Last(e => e.SessionOpened.Ceilings.OpenHolds++)),
        ["an expiry beyond the agent's time"] = new(
            AuditRule.SessionTime, OneSession, Last(e => e.SessionOpened.ExpireTime.Seconds++)),
        ["a lifetime beyond the agent's"] = new(
            AuditRule.SessionTime, OneSession, Last(e => e.SessionOpened.LifetimeEndTime.Seconds++)),
        ["a renewal beyond the agent's time"] = new(
            AuditRule.SessionTime,
            ledger => ledger.Renew(ledger.Open()),
            Last(e => e.SessionRenewed.ExpireTime.Seconds++)),
        ["an expiry before its time"] = new(
            AuditRule.SessionTime,
            ledger =>
            {
                ledger.Open();
                ledger.Advance(TimeSpan.FromHours(1));
            },
            Last(e =>
            {
                e.Time.Seconds--;
                e.SessionEnded.GraceEndTime.Seconds--;
            })),
        ["a grace of another length"] = new(
            AuditRule.SessionTime, OneEnd, Last(e => e.SessionEnded.GraceEndTime.Seconds++)),
        ["a grace that ends early"] = new(AuditRule.SessionTime, OneClose, Last(e => e.Time.Seconds--)),
        ["a hold after the end"] = new(AuditRule.SessionOver, OneEnd, Again(Is.Held)),
        ["an end after the end"] = new(AuditRule.SessionOver, OneEnd, Again(Is.Ended)),
        ["a closing record before the end"] = new(
            AuditRule.SessionOver, OneClose, journal => Drop(journal, Is.Ended)),
        ["another sum at the end"] = new(
            AuditRule.SessionTotals, OneEnd, Last(e => e.SessionEnded.Session.Settled.Cost.Nanos++)),
        ["another sum held at a renewal"] = new(
            AuditRule.SessionTotals,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Hold(session);
                ledger.Renew(session);
            },
            Last(e => e.SessionRenewed.Session.Held.Tokens++)),
        ["another settled sum in the closing record"] = new(
            AuditRule.SessionTotals, OneClose, Last(e => e.SessionClosed.SettledNanos++)),
        ["other steps in the closing record"] = new(
            AuditRule.SessionTotals, OneClose, Last(e => e.SessionClosed.Steps++)),
        ["other refusals in the closing record"] = new(
            AuditRule.SessionTotals, OneClose, Last(e => e.SessionClosed.Refused++)),
        ["another outcome in the closing record"] = new(
            AuditRule.SessionTotals, OneClose, Last(e => e.SessionClosed.Outcome = null)),
        ["a hold that the end of the grace forgets"] = new(
            AuditRule.SessionReleased, OneClose, Last(e => e.SessionClosed.Released.Clear())),
        ["a released sum that is not what was held"] = new(
            AuditRule.SessionReleased, OneClose, Last(e => e.SessionClosed.ReleasedNanos--)),
        ["an undeclared tag of a session"] = new(
            AuditRule.Tags, OneSession, Last(e => e.SessionOpened.Tags.Add("colour", "red"))),
    };
}
