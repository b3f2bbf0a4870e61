using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Secrets;

namespace AgentBudget.Storage;

/// <summary>A store that the silos of a cluster share: ledgers, sealed secrets, and journals of other stores.</summary>
public interface ISharedStore : ILedgerStore, ISharedSecrets, IJournalImport;
