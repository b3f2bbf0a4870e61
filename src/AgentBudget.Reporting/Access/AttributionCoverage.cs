using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Access;

/// <summary>
/// Folds a ledger from its beginning into how much of a period's spend is joined to who caused it. Not thread-safe.
/// </summary>
/// <param name="start">The first instant of the period; null for the beginning.</param>
/// <param name="end">The first instant after it; null for no end.</param>
public sealed class AttributionCoverage(Timestamp? start, Timestamp? end)
{
    private const int RowsMax = 1_000; // As the contract says.
    private const long Million = 1_000_000;
    private const long NanosPerUnit = 1_000_000_000;

    // A credential of the actor: "agents/writer credentials/c17".
    private const string CredentialMark = " credentials/c";

    private readonly Dictionary<string, SessionFacts> _sessions = new(StringComparer.Ordinal);
    private readonly Dictionary<long, Role> _roles = [];
    private string _currency = "";
    private long _sequence;

    /// <summary>Takes the next event. It is not kept.</summary>
    public void Accept(LedgerEvent ledgerEvent)
    {
        ArgumentNullException.ThrowIfNull(ledgerEvent);
        _sequence = ledgerEvent.Sequence;
        switch (ledgerEvent.FactCase)
        {
            case LedgerEvent.FactOneofCase.CatalogApplied:
                _currency = ledgerEvent.CatalogApplied.Catalog.Currency;
                break;
            case LedgerEvent.FactOneofCase.CredentialCreated:
                _roles[ledgerEvent.Sequence] = ledgerEvent.CredentialCreated.Role;
                break;
            case LedgerEvent.FactOneofCase.SessionOpened:
                _sessions[ledgerEvent.Spender.Session] = FactsOf(ledgerEvent);
                break;
            case LedgerEvent.FactOneofCase.SessionEnded:
                if (_sessions.TryGetValue(ledgerEvent.Spender.Session, out SessionFacts? ended)) ended.IsOver = true;
                break;
            case LedgerEvent.FactOneofCase.ReservationSettled:
                ReservationSettled settled = ledgerEvent.ReservationSettled;
                Add(ledgerEvent, settled.CostNanos - (settled.ExpiryCharge?.CostNanos ?? 0));
                break;
            case LedgerEvent.FactOneofCase.CostRecorded:
                Add(ledgerEvent, ledgerEvent.CostRecorded.CostNanos);
                break;
            default:
                break; // Nothing else spends or says on whose behalf.
        }
    }

    /// <summary>The coverage of what was accepted.</summary>
    public GetAttributionCoverageResponse Finish()
    {
        Int128 total = 0;
        Int128 attributed = 0;
        Int128 proven = 0;
        Int128 claimed = 0;
        List<(SessionFacts Session, List<Attribution> Missing)> rest = [];
        foreach (SessionFacts session in _sessions.Values.Where(session => session.CostNanos != 0))
        {
            total += session.CostNanos;
            if (session.IsUserProven) proven += session.CostNanos;
            else if (session.IsForUser) claimed += session.CostNanos;
            List<Attribution> missing = session.Missing();
            if (missing.Count == 0) attributed += session.CostNanos;
            else rest.Add((session, missing));
        }

        var response = new GetAttributionCoverageResponse
        {
            Cost = ToMoney(total),
            Attributed = ToMoney(attributed),
            SharePpm = total == 0 ? Million : (long)(attributed * Million / total),
            Sequence = _sequence,
            ProvenUsers = ToMoney(proven),
            ClaimedUsers = ToMoney(claimed),
        };
        IEnumerable<(SessionFacts Session, List<Attribution> Missing)> rows = rest
            .OrderByDescending(row => row.Session.CostNanos)
            .ThenBy(row => row.Session.Name, StringComparer.Ordinal)
            .Take(RowsMax);
        foreach ((SessionFacts session, List<Attribution> missing) in rows)
        {
            response.Unattributed.Add(new UnattributedSpend
            {
                Session = session.Name,
                Agent = session.Agent,
                Cost = ToMoney(session.CostNanos),
                Missing = { missing },
            });
        }

        return response;
    }

    private SessionFacts FactsOf(LedgerEvent opened)
    {
        Spender spender = opened.Spender;
        // A subagent was opened with its parent's token: it is as well attributed as the parent.
        bool isAttributed = spender.Parent.Length > 0
            ? _sessions.TryGetValue(spender.Parent, out SessionFacts? parent) && parent.HasCredential
            : IsOwn(opened.Actor);
        return new SessionFacts
        {
            Name = spender.Session,
            Agent = spender.Agent,
            HasCredential = isAttributed,
            HasScope = opened.SessionOpened.Tools.Count > 0 || opened.SessionOpened.Models.Count > 0,
            HasUser = spender.OnBehalfOf.Length > 0 || opened.SessionOpened.Unattended,
            IsForUser = spender.OnBehalfOf.Length > 0,
            IsUserProven = opened.SessionOpened.UserProof == UserProof.Proven,
        };
    }

    private bool IsOwn(string actor)
    {
        int mark = actor.LastIndexOf(CredentialMark, StringComparison.Ordinal);
        return mark > 0 && long.TryParse(actor.AsSpan(mark + CredentialMark.Length), out long credential)
            && _roles.GetValueOrDefault(credential) is Role.Agent or Role.Orchestrator;
    }

    private void Add(LedgerEvent ledgerEvent, long costNanos)
    {
        bool isWithin = (start is null || ledgerEvent.Time.CompareTo(start) >= 0)
            && (end is null || ledgerEvent.Time.CompareTo(end) < 0);
        if (isWithin && _sessions.TryGetValue(ledgerEvent.Spender.Session, out SessionFacts? session))
            session.CostNanos += costNanos;
    }

    private Money ToMoney(Int128 nanos) => new()
    {
        CurrencyCode = _currency,
        Units = (long)(nanos / NanosPerUnit),
        Nanos = (int)(nanos % NanosPerUnit),
    };

    private sealed class SessionFacts
    {
        public required string Name { get; init; }

        public required string Agent { get; init; }

        public required bool HasCredential { get; init; }

        public required bool HasScope { get; init; }

        public required bool HasUser { get; init; }

        public required bool IsForUser { get; init; }

        public required bool IsUserProven { get; init; }

        public bool IsOver { get; set; }

        public Int128 CostNanos { get; set; }

        public List<Attribution> Missing()
        {
            var missing = new List<Attribution>();
            if (!HasCredential) missing.Add(Attribution.Credential);
            if (!HasScope) missing.Add(Attribution.Scope);
            if (!HasUser) missing.Add(Attribution.User);
            if (!IsOver) missing.Add(Attribution.ClosedSession);
            return missing;
        }
    }
}
