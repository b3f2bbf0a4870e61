using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Disputes;

/// <summary>
/// Somebody with the right says whether usage in dispute was real. Confirmed, the accounts that others share settle it
/// now; dismissed, the session and the agent are credited with it once, and it is nowhere.
/// </summary>
internal static class DecideDispute
{
    public static Answer Handle(TenantLedger ledger, DecideDisputeCommand command)
    {
        DecideDisputeRequest request = command.Request;
        AskedRequest asked = new ContentHash(Operation.DecideDispute)
            .Add(request.Dispute)
            .Add((long)request.Decision)
            .Add(request.Reason)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        bool isOpen = Names.TryParseDispute(request.Dispute, out long number);
        if (!isOpen || !ledger.Disputes.TryGetValue(number, out Dispute? dispute))
            return new Answer(Outcome.DisputeNotFound);

        bool isConfirmed = request.Decision == DisputeDecision.Confirmed;
        var decided = new DisputeDecided
        {
            Dispute = number,
            Decision = request.Decision,
            CostNanos = dispute.Disputed.CostNanos,
            Tokens = dispute.Disputed.Tokens,
            Model = dispute.Model,
            Tool = dispute.Tool,
            Usage = dispute.Usage,
            SettleTime = LogTime.ToTimestamp(dispute.TimeNanos),
            Reason = request.Reason,
        };
        if (isConfirmed)
        {
            foreach (Account account in ledger.SharedOf(dispute))
                account.AddCrossings(dispute.Disputed, decided.TiersCrossed);
        }

        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor, dispute.Spender);
        ledgerEvent.DisputeDecided = decided;
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, DisputeDecided decided)
    {
        Dispute dispute = ledger.Disputes[decided.Dispute];
        Spend disputed = dispute.Disputed;
        Invariant.Holds(disputed == new Spend(decided.CostNanos, decided.Tokens));
        bool isConfirmed = decided.Decision == DisputeDecision.Confirmed;
        foreach (Account account in ledger.SharedOf(dispute))
        {
            foreach (Window window in account.Windows) window.EndDispute(disputed);
            if (isConfirmed) account.Settle(unheld: default, disputed, disputed, ledger);
        }

        if (!isConfirmed) Credit(ledger, dispute);
        ledger.MarkNotified(decided.TiersCrossed);
        ledger.Remove(dispute);
    }

    // A session that is forgotten has its closing record and nothing more to spend.
    private static void Credit(TenantLedger ledger, Dispute dispute)
    {
        foreach (Account account in ledger.AgentsOf(dispute))
            account.Credit(dispute.Disputed, dispute.TimeNanos, ledger);
        bool isKnown = Names.TryParseSession(dispute.Spender.Session, out long number);
        if (!isKnown || ledger.FindInMemory(number) is not { } session) return;
        for (SessionAccount? owner = session; owner is not null; owner = owner.Parent)
            owner.Credit(dispute.Disputed, dispute.TimeNanos, ledger);
    }
}
