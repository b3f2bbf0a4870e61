using AgentBudget.Protocol.V1;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Audit;

/// <summary>
/// Compares a journal, while it is read, with checkpoints whose signatures were checked. A hash covers all groups up to
/// its own, so the first checkpoint that is not confirmed is the one finding and those after it follow from it.
/// </summary>
/// <param name="audit">Takes the finding.</param>
/// <param name="checkpoints">The checkpoints, all of the audited tenant.</param>
internal sealed class CheckpointAudit(LedgerAudit audit, IReadOnlyList<LedgerCheckpoint> checkpoints)
{
    private readonly CheckpointState[] _states = new CheckpointState[checkpoints.Count];
    private readonly int[] _order =
        [.. Enumerable.Range(0, checkpoints.Count).OrderBy(index => checkpoints[index].Sequence)];

    private int _next;
    private long _confirmed;
    private bool _isFound;

    /// <summary>A group whose bytes match its hash and the chain.</summary>
    public void Accept(StoredGroup group)
    {
        for (; _next < _order.Length && checkpoints[_order[_next]].Sequence <= group.LastEvent; _next++)
        {
            LedgerCheckpoint signed = checkpoints[_order[_next]];
            if (JournalCheckpoint.IsOf(signed, group))
            {
                _states[_order[_next]] = CheckpointState.Confirmed;
                _confirmed = signed.Sequence;
                continue;
            }

            _states[_order[_next]] = CheckpointState.Rewritten;
            Find(
                signed.Sequence,
                group.Sequence,
                $"the hash signed for event {signed.Sequence} is {signed.Hash} and the journal's is {group.Hash}: it "
                + $"was written anew after event {_confirmed}");
        }
    }

    /// <summary>
    /// The journal was read up to here; whole, where this is its end and nothing kept anyone from reading on.
    /// </summary>
    public IReadOnlyList<CheckpointResult> Finish(JournalHead end, bool isWhole)
    {
        for (; _next < _order.Length; _next++)
        {
            LedgerCheckpoint signed = checkpoints[_order[_next]];
            _states[_order[_next]] = isWhole ? CheckpointState.Truncated : CheckpointState.NotReached;
            if (!isWhole) continue;
            Find(
                end.LastEvent + 1,
                end.Sequence + 1,
                $"the journal ends at event {end.LastEvent} and was signed up to event {signed.Sequence} at "
                + $"{signed.IssueTime.ToString().Trim('"')}: it was cut off");
        }

        return [.. checkpoints.Select(
            (signed, index) => new CheckpointResult { Checkpoint = signed, State = _states[index] })];
    }

    private void Find(long sequence, long group, string sentence)
    {
        if (!_isFound) audit.AcceptFault(AuditRule.Checkpoint, sequence, group, sentence);
        _isFound = true;
    }
}
