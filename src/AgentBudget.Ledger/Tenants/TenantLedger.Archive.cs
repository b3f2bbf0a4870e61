using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Sessions;

namespace AgentBudget.Ledger;

// Sessions that are kept for late commits of their holds alone, and the share of each agent in them.
public sealed partial class TenantLedger
{
    private readonly Dictionary<long, SessionAccount> _archived = [];
    private readonly Dictionary<AgentAccount, SortedSet<long>> _archivedOf = [];

    private void Archive(SessionAccount session)
    {
        _archived.Add(session.Number, session);
        if (!_archivedOf.TryGetValue(session.Agent, out SortedSet<long>? ofAgent))
            _archivedOf.Add(session.Agent, ofAgent = []);
        ofAgent.Add(session.Number);
    }

    private bool Unarchive(SessionAccount session)
    {
        if (!_archived.Remove(session.Number)) return false;
        SortedSet<long> ofAgent = _archivedOf[session.Agent];
        ofAgent.Remove(session.Number);
        if (ofAgent.Count == 0) _archivedOf.Remove(session.Agent);
        return true;
    }

    // Room for one more is taken from the agent that has most, its oldest first; where that is the session's own, the
    // session itself is not kept. So an agent of many sessions takes no room from one of few.
    private void MakeRoomFor(SessionAccount session)
    {
        if (session.Retired is null || _archived.Count < ArchivedSessionsMax) return;
        int own = _archivedOf.GetValueOrDefault(session.Agent)?.Count ?? 0;
        SortedSet<long> most = _archivedOf
            .OrderByDescending(pair => pair.Value.Count)
            .ThenBy(pair => pair.Key.Name, StringComparer.Ordinal)
            .First().Value;
        SessionAccount? oldest = own >= most.Count
            ? null
            : most.Select(number => _archived[number]).FirstOrDefault(kept => kept.Retired is not null);
        if (oldest is null)
        {
            session.ForgetRetired();
            return;
        }

        _retention.Remove(oldest.RetentionDeadline);
        oldest.ForgetRetired();
        DropIfUnused(oldest);
    }
}
