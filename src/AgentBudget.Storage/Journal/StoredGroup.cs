namespace AgentBudget.Storage.Journal;

/// <summary>
/// A group as a store gives it back: unverified until <see cref="ChainVerifier"/> has seen it. The body is the reader's
/// own copy.
/// </summary>
/// <param name="Sequence">Number of the group within its tenant, from 1 without gaps.</param>
/// <param name="Epoch">Epoch of the owner that appended it.</param>
/// <param name="FirstEvent">Sequence of its first event.</param>
/// <param name="Events">Number of its events, at least 1.</param>
/// <param name="PreviousHash">Hash of the group before it; <see cref="ChainHash.Zero"/> in the first.</param>
/// <param name="Hash">SHA-256(previous hash ‖ body).</param>
/// <param name="Body">Header and events.</param>
public sealed record StoredGroup(
    long Sequence,
    long Epoch,
    long FirstEvent,
    int Events,
    ChainHash PreviousHash,
    ChainHash Hash,
    ReadOnlyMemory<byte> Body)
{
    /// <summary>Sequence of its last event.</summary>
    public long LastEvent => FirstEvent + Events - 1;

    /// <summary>
    /// The bytes of its events, in order; slices of <see cref="Body"/>. Throws <see cref="JournalDamagedException"/>
    /// where the body is not what its header says.
    /// </summary>
    /// <param name="tenant">Whose journal it is read from.</param>
    public ReadOnlyMemory<byte>[] ReadEvents(string tenant)
    {
        if (GroupFormat.FaultOfHeader(tenant, this) is { } fault)
            throw new JournalDamagedException(tenant, Sequence, fault);
        var events = new ReadOnlyMemory<byte>[Events];
        ReadOnlyMemory<byte> rest = Body[GroupFormat.HeaderLength(tenant)..];
        for (int i = 0; i < events.Length; i++)
        {
            if (!GroupFormat.TryReadLength(rest.Span, out int length, out int read) || length > rest.Length - read)
                throw new JournalDamagedException(tenant, Sequence, $"its event {FirstEvent + i} is cut off");
            events[i] = rest.Slice(read, length);
            rest = rest[(read + length)..];
        }

        return rest.IsEmpty
            ? events
            : throw new JournalDamagedException(tenant, Sequence, "there are bytes after its last event");
    }
}

/// <summary>Where a tenant's journal ends.</summary>
/// <param name="Sequence">Number of the last group; 0 when there is none.</param>
/// <param name="Epoch">Epoch that the last group was appended under; 0 when there is none.</param>
/// <param name="LastEvent">Sequence of the last event; 0 when there is none.</param>
/// <param name="Hash">Hash of the last group; <see cref="ChainHash.Zero"/> when there is none.</param>
public readonly record struct JournalHead(long Sequence, long Epoch, long LastEvent, ChainHash Hash)
{
    /// <summary>The head of an empty journal.</summary>
    public static JournalHead Empty => default;
}
