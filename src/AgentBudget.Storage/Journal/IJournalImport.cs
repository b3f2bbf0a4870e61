namespace AgentBudget.Storage.Journal;

/// <summary>Takes journals from another store, byte for byte: what was signed there is confirmed here.</summary>
public interface IJournalImport
{
    /// <summary>
    /// Adds groups behind the end of a tenant's journal, as they are, with their epochs and hashes; all of them or
    /// none. False, and no effect, when they do not follow. Whoever owned the tenant is fenced, and the next epoch is
    /// above every one of theirs. They are to be verified first. Throws <see cref="StoreException"/>.
    /// </summary>
    ValueTask<bool> ImportAsync(
        string tenant, IReadOnlyList<StoredGroup> groups, CancellationToken cancellationToken);
}
