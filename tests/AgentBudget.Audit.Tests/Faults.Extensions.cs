using AgentBudget.Protocol.V1;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Requests for more, and their answers.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfExtensions() => new()
    {
        ["a request for both money and tokens"] = new(
            AuditRule.Approval, OneRequest, Last(e => e.ExtensionRequested.Tokens = 5)),
        ["a request for a grain beside the path"] = new(
            AuditRule.Approval,
            OneRequest,
            Last(e => (e.ExtensionRequested.Grain, e.ExtensionRequested.Window) = ("useCases/plan", "")),
            LimitsPlan),
        ["a request that waits a second longer"] = new(
            AuditRule.Approval, OneRequest, Last(e => e.ExtensionRequested.AnswerByTime.Seconds++)),
        ["a second request before the answer"] = new(
            AuditRule.Approval,
            OneRequest,
            journal =>
            {
                LedgerEvent again = journal[^1].Clone();
                again.Sequence++;
                again.RequestId = "again";
                journal.Add(again);
            }),
        ["a request of a session that is over"] = new(
            AuditRule.Approval,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Ask(session);
                ledger.End(session);
            },
            journal =>
            {
                (journal[^2], journal[^1]) = (journal[^1], journal[^2]);
                (journal[^2].Sequence, journal[^1].Sequence) = (journal[^1].Sequence, journal[^2].Sequence);
            }),
        ["an approval of twice what it grants"] = new(
            AuditRule.Approval, OneApproval, Last(e => e.ExtensionDecided.Extended.ExtensionNanos *= 2)),
        ["an approval that leaves the budget as it was"] = new(
            AuditRule.Approval, OneApproval, Last(e => e.ExtensionDecided.Extended = null)),
        ["an approval of another budget"] = new(
            AuditRule.Approval,
            OneApproval,
            Last(e => (e.ExtensionDecided.Extended.Grain, e.ExtensionDecided.Extended.Window) = ("useCases/plan", "")),
            LimitsPlan),
        ["a refusal that extends the budget"] = new(
            AuditRule.Approval, OneApproval, Last(e => e.ExtensionDecided.Decision = ExtensionState.Refused)),
        ["an answer that is none"] = new(
            AuditRule.Approval, OneDecline, Last(e => e.ExtensionDecided.Decision = ExtensionState.Pending)),
        ["an answer to another spender"] = new(
            AuditRule.Approval, OneDecline, Last(e => e.Spender.Agent = "agents/other")),
        ["a second answer"] = new(AuditRule.Approval, OneDecline, Again(e => e.ExtensionDecided is not null)),
        ["an answer to what nobody asked"] = new(
            AuditRule.Approval, OneDecline, Last(e => e.ExtensionDecided.ExtensionRequest--)),
        ["a lapse that somebody asked for"] = new(
            AuditRule.RequestAsked, OneLapse, Last(e => e.RequestId = "mine")),
        ["a lapse before its time"] = new(AuditRule.Approval, OneLapse, Last(e => e.Time.Seconds--)),
        ["a request that does not expire"] = new(
            AuditRule.Approval,
            ledger =>
            {
                OneLapse(ledger);
                ledger.Advance(TimeSpan.FromMinutes(1));
                ledger.Extend("useCases/promo", 1);
            },
            journal => Drop(journal, e => e.ExtensionDecided is not null)),
        ["more approved by the rule than it allows"] = new(
            AuditRule.Approval,
            ledger => ledger.Ask(ledger.Open()),
            Last(e =>
            {
                e.ExtensionDecided.Nanos += 2_000_000_000;
                e.ExtensionDecided.Extended.ExtensionNanos += 2_000_000_000;
                GrainBalance after = e.ExtensionDecided.Extended.After;
                foreach (Money risen in (Money[])[after.Limit, after.Available, after.HardCap]) risen.Units += 2;
                // The hard cap is at 110 percent.
                foreach (Money risen in (Money[])[after.Available, after.HardCap]) risen.Nanos += 200_000_000;
            }),
            ApprovesOneDollar),
        ["an approval by a rule that is not there"] = new(
            AuditRule.Approval,
            OneApproval,
            Last(e =>
            {
                (e.RequestId, e.Actor) = ("", "");
                e.ExtensionDecided.MonthEndTime = e.Time.Clone();
                e.ExtensionDecided.MonthEndTime.Seconds += 3600;
            })),
        ["a rule that grants beyond the period"] = new(
            AuditRule.Approval,
            ledger => ledger.Ask(ledger.Open()),
            Last(e =>
            {
                e.ExtensionDecided.Extended.ExpireTime = e.Time.Clone();
                e.ExtensionDecided.Extended.ExpireTime.Seconds += 3600;
            }),
            ApprovesOneDollar),
        ["a rule that approves for a session that is suspended"] = new(
            AuditRule.Approval,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Ask(session);
                ledger.SuspendSession(session);
            },
            // Suspended, asked, approved.
            journal =>
            {
                LedgerEvent suspended = journal[^1];
                journal.RemoveAt(journal.Count - 1);
                journal.Insert(journal.Count - 2, suspended);
                for (int i = 1; i <= 3; i++) journal[^i].Sequence = journal.Count + 1 - i;
                journal[^1].ExtensionDecided.ExtensionRequest = journal[^2].Sequence;
            },
            ApprovesOneDollar),
        ["a month of the rule that lasts a year"] = new(
            AuditRule.Approval,
            ledger => ledger.Ask(ledger.Open()),
            Last(e => e.ExtensionDecided.MonthEndTime.Seconds += 365 * 86_400),
            ApprovesOneDollar),
    };

    private static void LimitsPlan(Catalog catalog)
    {
        UseCase plan = catalog.UseCases[0].Clone();
        plan.Id = "plan";
        catalog.UseCases.Add(plan);
    }

    private static void ApprovesOneDollar(Catalog catalog) =>
        catalog.UseCases[0].Budget.AutoApprove = new AutoApproval { Limit = Dollars(1) };

    private static void OneRequest(AuditedLedger ledger) => ledger.Ask(ledger.Open());

    private static void OneApproval(AuditedLedger ledger) =>
        ledger.Answer(ledger.Ask(ledger.Open()), ExtensionState.Approved);

    private static void OneDecline(AuditedLedger ledger) =>
        ledger.Answer(ledger.Ask(ledger.Open()), ExtensionState.Refused);

    private static void OneLapse(AuditedLedger ledger)
    {
        ledger.Ask(ledger.Open(), TimeSpan.FromSeconds(30));
        ledger.Advance(TimeSpan.FromSeconds(30));
    }
}
