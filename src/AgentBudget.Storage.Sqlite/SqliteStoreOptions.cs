namespace AgentBudget.Storage.Sqlite;

/// <summary>How to open a SQLite store.</summary>
public sealed record SqliteStoreOptions
{
    /// <summary>
    /// The folder that the store has for itself, on a local disk; made with mode 0700 when it is missing.
    /// </summary>
    public required string Folder { get; init; }

    /// <summary>
    /// Called at most once, on the store's thread, when a write failed in a way that leaves its outcome unknown: the
    /// process must log it and exit with code 74 at once; the next start resolves what is on the disk. Nothing is
    /// answered before it returns. It must not wait for the store. When it returns all the same, appends are answered
    /// Unknown and all else throws.
    /// </summary>
    public required Action<StoreException> OnFailed { get; init; }
}
