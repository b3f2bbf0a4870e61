using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit.Tests;

/// <summary>
/// A fault to find: something that the real ledger did, its journal spoiled in one place, and the rule that is broken
/// by it in the journal's last event.
/// </summary>
/// <param name="Rule">The rule.</param>
/// <param name="Run">What the ledger does.</param>
/// <param name="Spoil">What is done to its journal.</param>
/// <param name="Catalog">How its catalog differs from the usual one.</param>
internal sealed record Fault(
    AuditRule Rule,
    Action<AuditedLedger> Run,
    Action<List<LedgerEvent>> Spoil,
    Action<Catalog>? Catalog = null)
{
    /// <summary>The journal as it was written, and as it was spoiled.</summary>
    public (List<LedgerEvent> Sound, List<LedgerEvent> Spoiled) Journals()
    {
        var ledger = new AuditedLedger(Catalog);
        Run(ledger);
        List<LedgerEvent> spoiled = [.. ledger.Journal.Select(ledgerEvent => ledgerEvent.Clone())];
        Spoil(spoiled);
        return (ledger.Journal, spoiled);
    }
}
