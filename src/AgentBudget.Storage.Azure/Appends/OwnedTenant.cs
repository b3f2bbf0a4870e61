using AgentBudget.Storage.Azure.Segments;
using AgentBudget.Storage.Azure.Tables;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.Azure.Appends;

/// <summary>
/// A tenant that this process may append to, and where its journal ends: known without asking, since nobody else
/// appends while the lease is ours. Used by one append at a time.
/// </summary>
internal sealed class OwnedTenant(TenantRow row, SegmentEnd end)
{
    public TenantRow Row { get; private set; } = row;

    /// <summary>The open segment, or one that was sealed a moment ago.</summary>
    public SegmentEnd End { get; private set; } = end;

    public long Epoch => Row.Epoch;

    public string LeaseId => Row.LeaseId;

    /// <summary>A block of so many bytes is written, and the journal ends with it.</summary>
    public void Wrote(JournalHead head, long bytes) =>
        End = End with { Length = End.Length + bytes, Blocks = End.Blocks + 1, Head = head };

    /// <summary>The journal goes on in a new segment.</summary>
    public void WentOn(TenantRow row, string segment) =>
        (Row, End) = (row, new SegmentEnd(segment, Length: 0, Blocks: 0, IsSealed: false, End.Head));
}
