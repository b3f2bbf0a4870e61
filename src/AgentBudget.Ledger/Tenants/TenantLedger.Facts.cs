using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Approvals;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Credentials;
using AgentBudget.Ledger.Disputes;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger;

// How facts beside spend and sessions change the state; each answers which request's key the event carries.
public sealed partial class TenantLedger
{
    // Limits, and what is settled beside calls.
    private Operation ApplyBudgetFact(LedgerEvent ledgerEvent)
    {
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.BudgetExtended:
                Extend.Apply(this, ledgerEvent.BudgetExtended);
                return Operation.ExtendBudget;
            case LedgerEvent.FactOneofCase.DisputeDecided:
                DecideDispute.Apply(this, ledgerEvent.DisputeDecided);
                return Operation.DecideDispute;
            case LedgerEvent.FactOneofCase.ExtensionRequested:
                RequestExtension.Apply(this, ledgerEvent);
                return Operation.RequestExtension;
            case LedgerEvent.FactOneofCase.ExtensionDecided:
                DecideExtension.Apply(this, ledgerEvent);
                return Operation.DecideExtension;
            case LedgerEvent.FactOneofCase.ExtensionExpired:
                Extend.ApplyExpired(this, ledgerEvent.ExtensionExpired);
                return Operation.ExtendBudget;
            case LedgerEvent.FactOneofCase.PeriodEnded:
                Periods.Apply(this, ledgerEvent.PeriodEnded);
                return Operation.ExtendBudget;
            case LedgerEvent.FactOneofCase.WindowMoved:
                Periods.Apply(this, ledgerEvent.WindowMoved);
                return Operation.ExtendBudget;
            case LedgerEvent.FactOneofCase.BudgetReset:
                Reset.Apply(this, ledgerEvent.BudgetReset);
                return Operation.ResetBudget;
            case LedgerEvent.FactOneofCase.SpendAdjusted:
                Adjust.Apply(this, ledgerEvent);
                return ledgerEvent.SpendAdjusted.Rerating is null ? Operation.AdjustSpend : Operation.RerateSpend;
            default:
                return ApplyIdentityFact(ledgerEvent);
        }
    }

    // Who may call, and which agents may act.
    private Operation ApplyIdentityFact(LedgerEvent ledgerEvent)
    {
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.CredentialCreated:
                CreateCredential.Apply(this, ledgerEvent);
                return Operation.CreateCredential;
            case LedgerEvent.FactOneofCase.CredentialRevoked:
                RevokeCredential.Apply(this, ledgerEvent.CredentialRevoked);
                return Operation.RevokeCredential;
            case LedgerEvent.FactOneofCase.AgentSuspended:
                ChangeAgent.Apply(this, ledgerEvent.AgentSuspended);
                return Operation.SuspendAgent;
            case LedgerEvent.FactOneofCase.AgentResumed:
                ChangeAgent.Apply(this, ledgerEvent.AgentResumed);
                return Operation.ResumeAgent;
            case LedgerEvent.FactOneofCase.AgentDecommissioned:
                ChangeAgent.Apply(this, ledgerEvent.AgentDecommissioned);
                return Operation.DecommissionAgent;
            case LedgerEvent.FactOneofCase.AccessTokenRevoked:
                TokenRecords.Apply(this, ledgerEvent.AccessTokenRevoked);
                return Operation.RevokeAccessToken;
            case LedgerEvent.FactOneofCase.SigningKeyRotated:
                return Operation.RotateSigningKey; // The key is the silo's; the tenant only remembers the change.
            case LedgerEvent.FactOneofCase.NotificationsChanged:
                return Operation.ChangeNotifications; // Endpoints are the notifier's, with what is secret in them.
            case LedgerEvent.FactOneofCase.CredentialsUsed:
                RecordUses.Apply(this, ledgerEvent.CredentialsUsed);
                return Operation.RecordUses;
            case LedgerEvent.FactOneofCase.SessionsRevoked:
                TakeAlong.Apply(this, ledgerEvent.SessionsRevoked);
                return Operation.RevokeSessions;
            case LedgerEvent.FactOneofCase.None:
            default:
                throw new InvariantException(
                    $"event {ledgerEvent.Sequence} states a fact that this release does not know");
        }
    }
}
