using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Access;

/// <summary>
/// Folds a ledger from its beginning into what each agent may do and did since an instant. Not thread-safe.
/// </summary>
/// <param name="since">From when on use counts.</param>
/// <param name="now">When credentials are looked at: an expired one is not live.</param>
public sealed class AccessReview(Timestamp since, Timestamp now)
{
    private const string AgentPrefix = "agents/";
    private const string CredentialPrefix = "credentials/c";
    private const string NamespaceSuffix = ".*";

    private readonly SortedDictionary<string, AgentFacts> _agents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Agent, Timestamp Time)> _open = new(StringComparer.Ordinal);
    private readonly Dictionary<long, (string Agent, Timestamp? End)> _credentials = [];
    private Catalog _catalog = new();
    private long _sequence;

    /// <summary>Takes the next event. It is not kept.</summary>
    public void Accept(LedgerEvent ledgerEvent)
    {
        ArgumentNullException.ThrowIfNull(ledgerEvent);
        _sequence = ledgerEvent.Sequence;
        bool isRecent = ledgerEvent.Time.CompareTo(since) >= 0;
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.CatalogApplied:
                _catalog = ledgerEvent.CatalogApplied.Catalog;
                break;
            case LedgerEvent.FactOneofCase.CredentialCreated:
                CredentialCreated created = ledgerEvent.CredentialCreated;
                if (created.Role == Role.Agent)
                    _credentials[ledgerEvent.Sequence] = (created.Principal, created.ExpireTime);
                break;
            case LedgerEvent.FactOneofCase.CredentialRevoked:
                _credentials.Remove(ledgerEvent.CredentialRevoked.Credential);
                break;
            case LedgerEvent.FactOneofCase.AgentSuspended:
                Of(ledgerEvent.AgentSuspended.Agent).Standing = "suspended";
                break;
            case LedgerEvent.FactOneofCase.AgentResumed:
                Of(ledgerEvent.AgentResumed.Agent).Standing = "active";
                break;
            case LedgerEvent.FactOneofCase.AgentDecommissioned:
                AgentDecommissioned end = ledgerEvent.AgentDecommissioned;
                Of(end.Agent).Standing = "decommissioned";
                foreach (long credential in end.Credentials) _credentials.Remove(credential);
                break;
            default:
                if (ledgerEvent.Spender is { } spender) AcceptUse(ledgerEvent, spender, isRecent);
                break;
        }
    }

    /// <summary>The review of what was accepted.</summary>
    public GetAccessReviewResponse Finish()
    {
        var response = new GetAccessReviewResponse { Sequence = _sequence };
        foreach (Agent agent in _catalog.Agents.OrderBy(agent => agent.Id, StringComparer.Ordinal))
            response.Agents.Add(Review(agent, Of(AgentPrefix + agent.Id)));
        return response;
    }

    private AgentAccess Review(Agent agent, AgentFacts facts)
    {
        string name = AgentPrefix + agent.Id;
        var review = new AgentAccess
        {
            Agent = name,
            Standing = facts.Standing,
            Sessions = facts.Sessions,
            SessionsExpired = facts.Expired,
            OutOfScope = facts.OutOfScope,
        };
        review.Tools.Add(agent.Tools);
        review.UnusedTools.Add(agent.Tools.Where(pattern => !facts.Tools.Any(tool => Covers(pattern, tool))));
        review.Models.Add(agent.Models);
        review.UnusedModels.Add(agent.Models.Where(model => !facts.Models.Contains(model)));
        foreach ((long number, (string owner, Timestamp? end)) in _credentials.OrderBy(pair => pair.Key))
        {
            if (owner != name || end?.CompareTo(now) <= 0) continue;
            review.Credentials.Add($"{CredentialPrefix}{number}");
            if (!facts.Credentials.Contains(number)) review.UnusedCredentials.Add($"{CredentialPrefix}{number}");
        }

        foreach ((string owner, Timestamp time) in _open.Values.Where(open => open.Agent == name))
        {
            review.SessionsOpen++;
            if (review.OldestOpenTime is null || time.CompareTo(review.OldestOpenTime) < 0)
                review.OldestOpenTime = time;
        }

        return review;
    }

    private static bool Covers(string pattern, string tool) =>
        pattern.EndsWith(NamespaceSuffix, StringComparison.Ordinal)
        ? tool.StartsWith(pattern.AsSpan(0, pattern.Length - 1), StringComparison.Ordinal)
        : tool == pattern;

    private void AcceptUse(LedgerEvent ledgerEvent, Spender spender, bool isRecent)
    {
        AgentFacts facts = Of(spender.Agent);
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.SessionOpened:
                _open[spender.Session] = (spender.Agent, ledgerEvent.Time);
                if (!isRecent) break;
                facts.Sessions++;
                int mark = ledgerEvent.Actor.LastIndexOf(CredentialPrefix, StringComparison.Ordinal);
                if (mark > 0 && long.TryParse(ledgerEvent.Actor.AsSpan(mark + CredentialPrefix.Length), out long used))
                    facts.Credentials.Add(used);
                break;
            case LedgerEvent.FactOneofCase.SessionEnded:
                _open.Remove(spender.Session);
                if (isRecent && ledgerEvent.SessionEnded.State == Session.Types.State.Expired) facts.Expired++;
                break;
            case LedgerEvent.FactOneofCase.ReservationHeld when isRecent:
                facts.Models.Add(ledgerEvent.ReservationHeld.Model);
                if (ledgerEvent.ReservationHeld.Tool.Length > 0) facts.Tools.Add(ledgerEvent.ReservationHeld.Tool);
                break;
            case LedgerEvent.FactOneofCase.ToolAuthorized when isRecent:
                facts.Tools.Add(ledgerEvent.ToolAuthorized.Tool);
                break;
            case LedgerEvent.FactOneofCase.ReservationRefused when isRecent:
                if (ledgerEvent.ReservationRefused.Reason is Reason.ToolOutOfScope or Reason.ModelOutOfScope)
                    facts.OutOfScope++;
                break;
            default:
                break; // Nothing else is a use.
        }
    }

    private AgentFacts Of(string agent)
    {
        if (!_agents.TryGetValue(agent, out AgentFacts? facts)) _agents.Add(agent, facts = new AgentFacts());
        return facts;
    }

    private sealed class AgentFacts
    {
        public string Standing { get; set; } = "active";

        public HashSet<string> Tools { get; } = new(StringComparer.Ordinal);

        public HashSet<string> Models { get; } = new(StringComparer.Ordinal);

        public HashSet<long> Credentials { get; } = [];

        public long Sessions { get; set; }

        public long Expired { get; set; }

        public long OutOfScope { get; set; }
    }
}
