using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Runtime.Turns;

/// <summary>A ledger's state at the end of a group, on its way to the store.</summary>
/// <param name="Head">The group.</param>
/// <param name="NextDeadlineNanos">When the state next changes by itself.</param>
/// <param name="Ledger">The state.</param>
internal sealed record CapturedState(JournalHead Head, long NextDeadlineNanos, LedgerCapture Ledger)
{
    public StoredSnapshot ToStored() => new(Head, NextDeadlineNanos, Ledger.ToBytes());
}
