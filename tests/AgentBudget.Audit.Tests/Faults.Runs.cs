using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Subagents, and ends that reach them.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfRuns() => new()
    {
        ["a subagent with a tool that its parent has not"] = new(
            AuditRule.Delegation, OneSubagent, Last(e => e.SessionOpened.Tools.Add("search.web"))),
        ["a subagent with a model that its parent has not"] = new(
            AuditRule.Delegation, OneSubagent, Last(e => e.SessionOpened.Models.Add(Sonnet))),
        ["a subagent with wider ceilings than its parent"] = new(
            AuditRule.Delegation, OneSubagent, Last(e => e.SessionOpened.Ceilings.StepsPerSession++)),
        ["a subagent that outlives its parent"] = new(
            AuditRule.Delegation, OneSubagent, Last(e => e.SessionOpened.ExpireTime.Seconds++)),
        ["a renewal of a subagent past its parent's expiry"] = new(
            AuditRule.Delegation,
            ledger =>
            {
                OneSubagent(ledger);
                ledger.Renew(ledger.Last.Sequence);
            },
            Last(e => e.SessionRenewed.ExpireTime.Seconds++)),
        ["a subagent for another user"] = new(
            AuditRule.Delegation, OneSubagent, Last(e => e.Spender.OnBehalfOf = "user:lee@acme.test")),
        ["a subagent in another run"] = new(
            AuditRule.Delegation, OneSubagent, Last(e => e.Spender.Run = "sessions/s1")),
        ["a subagent at another depth"] = new(
            AuditRule.Delegation, OneSubagent, Last(e => e.SessionOpened.Delegation.Depth++)),
        ["a subagent beyond a run ceiling"] = new(
            AuditRule.Delegation, OneSubagent, Ceiling(ceilings => ceilings.Run.Subagents = 0)),
        ["a subagent below the depth of a run"] = new(
            AuditRule.Delegation, OneSubagent, Ceiling(ceilings => ceilings.Run.Depth = 0)),
        ["a subagent of an agent that its parent may not delegate to"] = new(
            AuditRule.Delegation,
            ledger => ledger.Send(new OpenSessionCommand(
                new OpenSessionRequest { RequestId = ledger.NextRequestId(), Agent = "agents/other" },
                "admin",
                ledger.Open())),
            OfAgents(agents => agents[0].Delegates = null),
            catalog =>
            {
                Agent other = catalog.Agents[0].Clone();
                other.Id = "other";
                catalog.Agents.Add(other);
                catalog.Agents[0].Delegates = new Delegates { Agents = { "other" } };
            }),
        ["a session above its agent's share of those that are open"] = new(
            AuditRule.Share, TwoSessions, OfAgents(agents => agents[0].Bounds = new AgentBounds { OpenSessions = 1 })),
        ["a session above its agent's share of a minute"] = new(
            AuditRule.Share,
            TwoSessions,
            OfAgents(agents => agents[0].Bounds = new AgentBounds { SessionsPerMinute = 1 })),
        ["a hold above its agent's share"] = new(
            AuditRule.Share,
            ledger =>
            {
                ledger.Hold(ledger.Open());
                ledger.Hold(ledger.Open());
            },
            OfAgents(agents => agents[0].Bounds = new AgentBounds { OpenHolds = 1 })),
        ["another number of subagents left"] = new(
            AuditRule.Delegation, OneSubagent, Last(e => e.SessionOpened.Delegation.SubagentsLeft++)),
        ["a subagent's hold above its parent's ceiling"] = new(
            AuditRule.GrantCap,
            ledger =>
            {
                OneSubagent(ledger);
                ledger.Hold(ledger.Last.Sequence);
            },
            journal => journal.First(Is.Opened).SessionOpened.Ceilings.Run.Cost = Dollars(0.005m)),
        ["an end that leaves a subagent open"] = new(
            AuditRule.Cascade,
            ledger =>
            {
                long other = ledger.Open();
                EndedRun(ledger);
                ledger.Hold(other);
            },
            journal => Drop(journal, e => e.SessionEnded is { EndedWith.Length: > 0 })),
        ["a subagent that ends with a session that took it nowhere"] = new(
            AuditRule.Cascade, EndedRun, Last(e => e.SessionEnded.EndedWith = "sessions/s999")),
        ["a subagent that is revoked where its parent ended"] = new(
            AuditRule.Cascade,
            EndedRun,
            Last(e => e.SessionEnded.State = Session.Types.State.Revoked)),
        ["other subagents in the closing record"] = new(
            AuditRule.SessionTotals,
            ledger =>
            {
                EndedRun(ledger);
                ledger.Advance(TimeSpan.FromSeconds(30));
            },
            Last(e => e.SessionClosed.Subagents++)),
    };

    private static void OneSubagent(AuditedLedger ledger) => ledger.OpenBelow(ledger.Open(request =>
    {
        request.Tools.Add("crm.read");
        request.Models.Add(Haiku);
        request.Ttl = new Duration { Seconds = 600 };
        request.Ceilings = new Ceilings { StepsPerSession = 5, Run = new RunCeilings { Subagents = 3, Depth = 2 } };
    }));

    private static void EndedRun(AuditedLedger ledger)
    {
        long root = ledger.Open();
        ledger.OpenBelow(root);
        ledger.End(root);
    }

    private static void TwoSessions(AuditedLedger ledger)
    {
        ledger.Open();
        ledger.Open();
    }

    // Another catalog than the one that was applied.
    private static Action<List<LedgerEvent>> OfAgents(Action<IList<Agent>> change) => journal =>
    {
        foreach (LedgerEvent applied in journal.Where(Is.Catalog)) change(applied.CatalogApplied.Catalog.Agents);
    };
}
