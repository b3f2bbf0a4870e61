namespace AgentBudget.Storage.Journal;

/// <summary>
/// Checks groups as they are read, in order: numbers without gaps, epochs that never go back, event numbers without
/// gaps, and the chain of hashes. Feed it every group once; it holds no buffers.
/// </summary>
/// <param name="tenant">Whose journal.</param>
/// <param name="start">The trusted place to continue from; <see cref="JournalHead.Empty"/> for the beginning.</param>
public sealed class ChainVerifier(string tenant, JournalHead start)
{
    /// <summary>The last group that was verified.</summary>
    public JournalHead Head { get; private set; } = start;

    /// <summary>Accepts the next group or throws <see cref="JournalDamagedException"/> that names the place.</summary>
    public void Accept(StoredGroup group)
    {
        if (FaultOf(group) is { } fault) throw new JournalDamagedException(tenant, Head.Sequence + 1, fault);
        Head = new JournalHead(group.Sequence, group.Epoch, group.LastEvent, group.Hash);
    }

    /// <summary>
    /// Throws <see cref="JournalDamagedException"/> unless what was verified ends where the journal should.
    /// </summary>
    public void Finish(JournalHead expected)
    {
        if (Head != expected)
            throw new JournalDamagedException(
                tenant, Head.Sequence + 1, $"the journal should end at {expected.Sequence}");
    }

    private string? FaultOf(StoredGroup group)
    {
        if (group.Sequence != Head.Sequence + 1) return $"group {group.Sequence} is there instead";
        if (group.Epoch < Head.Epoch) return $"its epoch {group.Epoch} is below the epoch {Head.Epoch} before it";
        if (group.Events < 1) return "it has no events";
        if (group.FirstEvent != Head.LastEvent + 1)
            return $"its first event is {group.FirstEvent} and should be {Head.LastEvent + 1}";
        if (group.PreviousHash != Head.Hash) return "it does not follow the hash of the group before it";
        if (ChainHash.Of(group.PreviousHash, group.Body.Span) != group.Hash) return "its bytes do not match its hash";
        return GroupFormat.FaultOfHeader(tenant, group);
    }
}
