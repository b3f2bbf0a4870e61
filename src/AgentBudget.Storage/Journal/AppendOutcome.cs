namespace AgentBudget.Storage.Journal;

/// <summary>How an append ended.</summary>
public enum AppendOutcome
{
    /// <summary>The group is durable, under the epoch that it names.</summary>
    Appended,

    /// <summary>
    /// Nothing was written: the epoch is no longer current, or the journal does not end with the group's previous hash.
    /// Memory that led to this group must be dropped.
    /// </summary>
    FenceLost,

    /// <summary>Nothing was written: the store has no space. Memory that led to this group must be dropped.</summary>
    NoSpace,

    /// <summary>
    /// The store did not say. To find out, acquire a new epoch first and read the head then: without the new epoch,
    /// "not there" is not "will never be there".
    /// </summary>
    Unknown,
}

/// <summary>Hears how an append ended.</summary>
public interface IAppendCompletion
{
    /// <summary>
    /// Called exactly once for each append, on any thread, possibly before <see cref="ILedgerStore.BeginAppend"/>
    /// returns. Must not block and not throw.
    /// </summary>
    void AppendCompleted(AppendOutcome outcome);
}
