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
    private const char Star = '*';

    private readonly SortedDictionary<string, AgentFacts> _agents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (string Agent, Timestamp Time)> _open = new(StringComparer.Ordinal);
    private readonly SortedDictionary<long, CredentialFacts> _credentials = [];
    private readonly Dictionary<string, Agent> _catalog = new(StringComparer.Ordinal);
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
                _catalog.Clear();
                Learn(ledgerEvent.CatalogApplied.Catalog);
                break;
            case LedgerEvent.FactOneofCase.CatalogPatched:
                Learn(ledgerEvent.CatalogPatched.Put);
                foreach (string item in ledgerEvent.CatalogPatched.Removed) _catalog.Remove(item);
                break;
            case LedgerEvent.FactOneofCase.CredentialCreated:
                CredentialCreated created = ledgerEvent.CredentialCreated;
                _credentials[ledgerEvent.Sequence] = new CredentialFacts(created.Principal, created.ExpireTime);
                break;
            case LedgerEvent.FactOneofCase.CredentialsUsed:
                foreach (CredentialUse use in ledgerEvent.CredentialsUsed.Uses) Accept(use, isRecent);
                break;
            case LedgerEvent.FactOneofCase.CredentialRevoked:
                _credentials.Remove(ledgerEvent.CredentialRevoked.Credential);
                break;
            case LedgerEvent.FactOneofCase.AgentSuspended:
                Of(ledgerEvent.AgentSuspended.Agent).Standing = "suspended";
                break;
            case LedgerEvent.FactOneofCase.BreakerTripped when IsAgent(ledgerEvent.BreakerTripped.Suspended):
                Of(ledgerEvent.BreakerTripped.Suspended).Standing = "suspended";
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

    /// <summary>Takes the use of a credential that the ledger was not told yet. It is not kept.</summary>
    public void Accept(CredentialUse use)
    {
        ArgumentNullException.ThrowIfNull(use);
        Accept(use, isRecent: true);
    }

    /// <summary>The review of what was accepted.</summary>
    public GetAccessReviewResponse Finish()
    {
        var response = new GetAccessReviewResponse { Sequence = _sequence };
        foreach (Agent agent in _catalog.Values.OrderBy(agent => agent.Id, StringComparer.Ordinal))
            response.Agents.Add(Review(agent, Of(AgentPrefix + agent.Id)));
        foreach ((long number, CredentialFacts credential) in _credentials)
        {
            if (!credential.IsLive(now)) continue;
            if (credential.Shared.Count > 0)
                response.SharedCredentials.Add(credential.ToMessage($"{CredentialPrefix}{number}"));
            if (credential.Unproven > 0)
                response.UnprovenCredentials.Add(credential.ToMessage($"{CredentialPrefix}{number}"));
            if (credential.WrongSecrets > 0)
                response.AttemptedCredentials.Add(credential.ToMessage($"{CredentialPrefix}{number}"));
        }

        return response;
    }

    private void Learn(Catalog catalog)
    {
        foreach (Agent agent in catalog.Agents) _catalog[AgentPrefix + agent.Id] = agent;
    }

    private void Accept(CredentialUse use, bool isRecent)
    {
        if (!_credentials.TryGetValue(use.Credential, out CredentialFacts? credential)) return;
        if (isRecent)
        {
            credential.Unproven += use.Unproven;
            credential.WrongSecrets += use.WrongSecrets;
        }

        if (use.LastUseTime is { } last && last.CompareTo(since) >= 0) credential.Accept(last, use.Places);
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
        review.UnusedModels.Add(agent.Models.Where(pattern => !facts.Models.Any(model => Covers(pattern, model))));
        foreach ((long number, CredentialFacts credential) in _credentials)
        {
            if (credential.Principal != name || !credential.IsLive(now)) continue;
            review.Credentials.Add($"{CredentialPrefix}{number}");
            bool isUsed = credential.IsUsed || facts.Credentials.Contains(number);
            if (!isUsed) review.UnusedCredentials.Add($"{CredentialPrefix}{number}");
        }

        foreach ((string owner, Timestamp time) in _open.Values.Where(open => open.Agent == name))
        {
            review.SessionsOpen++;
            if (review.OldestOpenTime is null || time.CompareTo(review.OldestOpenTime) < 0)
                review.OldestOpenTime = time;
        }

        return review;
    }

    // A namespace of tools, or a family of models.
    private static bool Covers(string pattern, string name) => pattern.EndsWith(Star)
        ? name.StartsWith(pattern.AsSpan(0, pattern.Length - 1), StringComparison.Ordinal)
        : name == pattern;

    // A breaker suspends a session as a rule, and the agent where too many of its sessions were.
    private static bool IsAgent(string suspended) => suspended.StartsWith(AgentPrefix, StringComparison.Ordinal);

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

    private sealed class CredentialFacts(string principal, Timestamp? end)
    {
        private const int PlacesMax = 8; // As the contract says.

        // Silos tell of the same credential apart: places within an hour of each other are one credential's at once.
        private const long WindowSeconds = 3600;

        private readonly Dictionary<string, long> _recent = new(StringComparer.Ordinal);
        private Timestamp? _lastUse;

        public string Principal => principal;

        public bool IsUsed { get; private set; }

        public long Unproven { get; set; }

        public long WrongSecrets { get; set; }

        public SortedSet<string> Shared { get; } = new(StringComparer.Ordinal);

        public bool IsLive(Timestamp now) => end is null || end.CompareTo(now) > 0;

        public void Accept(Timestamp last, IEnumerable<string> places)
        {
            IsUsed = true;
            if (_lastUse is null || last.CompareTo(_lastUse) > 0) _lastUse = last;
            foreach (string place in places)
                _recent[place] = Math.Max(last.Seconds, _recent.GetValueOrDefault(place));
            foreach ((string place, long seconds) in _recent)
            {
                if (_lastUse.Seconds - seconds >= WindowSeconds) _recent.Remove(place);
            }

            if (_recent.Count < 2) return;
            foreach (string place in _recent.Keys.Order(StringComparer.Ordinal))
            {
                if (Shared.Count < PlacesMax) Shared.Add(place);
            }
        }

        public SuspectCredential ToMessage(string name)
        {
            var message = new SuspectCredential
            {
                Credential = name,
                Principal = principal,
                LastUseTime = _lastUse,
                Unproven = Unproven,
                WrongSecrets = WrongSecrets,
            };
            message.Places.Add(Shared.Count > 0 ? Shared : _recent.Keys.Order(StringComparer.Ordinal));
            return message;
        }
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
