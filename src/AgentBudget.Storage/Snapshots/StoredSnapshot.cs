using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.Snapshots;

/// <summary>A tenant's state at the end of a group.</summary>
/// <param name="Head">The group that it was taken after: replay continues from here.</param>
/// <param name="NextDeadlineNanos">
/// When the state next changes by itself, in nanos since the Unix epoch, so that a sleeping tenant's deadline is known
/// without loading it; <see cref="long.MaxValue"/> if never.
/// </param>
/// <param name="Body">The state's bytes; the first is their format number.</param>
public sealed record StoredSnapshot(JournalHead Head, long NextDeadlineNanos, ReadOnlyMemory<byte> Body);

/// <summary>A tenant that has a ledger.</summary>
/// <param name="Name">Its name.</param>
/// <param name="LastEvent">Sequence of its last event, at least 1.</param>
/// <param name="SnapshotEvent">Last event of its newest snapshot; 0 when there is none.</param>
/// <param name="NextDeadlineNanos">That snapshot's next deadline.</param>
public sealed record StoredTenant(string Name, long LastEvent, long SnapshotEvent, long NextDeadlineNanos);
