namespace AgentBudget.Storage.Journal;

/// <summary>
/// A journal is not what was written: a byte changed, a group is missing, a number does not follow. The tenant is
/// halted; nothing of it is skipped.
/// </summary>
public sealed class JournalDamagedException(string tenant, long sequence, string what)
    : Exception($"the journal of tenant '{tenant}' is damaged at group {sequence}: {what}")
{
    /// <summary>Whose journal.</summary>
    public string Tenant { get; } = tenant;

    /// <summary>Number of the group where the damage was seen.</summary>
    public long Sequence { get; } = sequence;
}
