using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Credentials;

/// <summary>Records which credentials a silo saw in use, of those that are live.</summary>
internal static class RecordUses
{
    public static Answer Handle(TenantLedger ledger, RecordCredentialUsesCommand command)
    {
        AskedRequest asked = AskedBy(command);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        var used = new CredentialsUsed();
        foreach (CredentialUse use in command.Used.Uses)
        {
            bool isLive = ledger.Credentials.Find(use.Credential, ledger.Now) is { } credential
                && credential.IsLive(ledger.Now);
            if (isLive) used.Uses.Add(Timely(use, ledger.Now));
        }

        if (used.Uses.Count == 0) return new Answer(Outcome.Done);
        LedgerEvent ledgerEvent = asked.NewEvent();
        ledgerEvent.CredentialsUsed = used;
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, CredentialsUsed used)
    {
        foreach (CredentialUse use in used.Uses)
        {
            if (use.LastUseTime is not null)
                ledger.Credentials.Of(use.Credential).NoteUse(LogTime.FromTimestamp(use.LastUseTime));
        }
    }

    // A silo's clock may be ahead of the log's, which nothing in the ledger is.
    private static CredentialUse Timely(CredentialUse use, long nowNanos)
    {
        if (use.LastUseTime is null || LogTime.FromTimestamp(use.LastUseTime) <= nowNanos) return use;
        CredentialUse timely = use.Clone();
        timely.LastUseTime = LogTime.ToTimestamp(nowNanos);
        return timely;
    }

    // It is of no caller but of the silo itself.
    private static AskedRequest AskedBy(RecordCredentialUsesCommand command)
    {
        var hash = new ContentHash(Operation.RecordUses);
        foreach (CredentialUse use in command.Used.Uses)
        {
            hash = hash.Add(use.Credential).Add(use.LastUseTime).Add(use.Places).Add(use.Unproven)
                .AddIfAny(use.WrongSecrets);
        }

        return hash.Of(principal: "", command.RequestId);
    }
}
