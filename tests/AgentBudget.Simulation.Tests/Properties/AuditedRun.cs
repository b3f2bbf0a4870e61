using AgentBudget.Audit;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Checks;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Simulation.Tests.Properties;

/// <summary>The real ledger of one tenant, and the audit that follows it event by event.</summary>
internal sealed class AuditedRun
{
    public const long NanosPerSecond = 1_000_000_000;
    private const string Tenant = "acme";
    private const string Caller = "admin";

    private readonly TenantLedger _ledger = new(Tenant);
    private readonly LedgerAudit _audit = new(Tenant);
    private readonly List<LedgerEvent> _turn = [];
    private readonly List<LedgerEvent> _journal = [];
    private readonly List<long> _sessions = [];
    private readonly List<(long Session, long Number)> _holds = [];
    private Command? _last;
    private int _ids;
    private long _now = 1_795_000_000 * NanosPerSecond;

    /// <param name="useCaseNanos">The use case's limit.</param>
    /// <param name="tenantNanos">The tenant's limit.</param>
    /// <param name="change">What else is in the catalog.</param>
    public AuditedRun(long useCaseNanos, long tenantNanos, Action<Catalog>? change = null)
    {
        Catalog catalog = CatalogOf(useCaseNanos, tenantNanos);
        change?.Invoke(catalog);
        var apply = new ApplyCatalogRequest { RequestId = NextId(), Document = "catalog" };
        Send(new ApplyCatalogCommand(apply, catalog, [], Caller));
        Open(parent: 0);
    }

    public IReadOnlyList<LedgerEvent> Journal => _journal;

    public string NextId() => $"q{++_ids}";

    public long Newest(int which) => _sessions[^(1 + (which % _sessions.Count))];

    public (long Session, long Number)? Hold(int which) =>
        _holds.Count == 0 ? null : _holds[^(1 + (which % _holds.Count))];

    /// <summary>A time some seconds from now.</summary>
    public Timestamp In(long seconds) => new() { Seconds = (_now / NanosPerSecond) + seconds };

    public void Open(long parent, string agent = "agents/a")
    {
        var request = new OpenSessionRequest { RequestId = NextId(), Unattended = true };
        if (parent == 0) (request.Agent, request.UseCase) = (agent, "useCases/u");
        Answer answer = Send(new OpenSessionCommand(request, Caller, parent));
        if (answer.Event?.SessionOpened is not null) _sessions.Add(answer.Event.Sequence);
    }

    /// <summary>The hold's number; 0 when it was refused.</summary>
    public long Reserve(long session, long nanos, long ttlSeconds, OnExpiry onExpiry)
    {
        Answer answer = Send(new ReserveCommand(session, new ReserveTokensRequest
        {
            RequestId = NextId(),
            Model = "unit",
            Estimate = new TokenEstimate { InputTokens = nanos, MaxOutputTokens = 0 },
            Ttl = new Duration { Seconds = ttlSeconds },
            OnExpiry = onExpiry,
        }));
        if (answer.Event?.ReservationHeld is null) return 0;
        _holds.Add((session, answer.Event.Sequence));
        return answer.Event.Sequence;
    }

    public void Commit(long session, long number, long nanos, bool isFinal) =>
        Send(new CommitCommand(session, number, new CommitTokensRequest
        {
            RequestId = NextId(),
            Usage = new TokenUsage { InputTokens = nanos },
            Final = isFinal,
        }));

    public void Release(long session, long number) =>
        Send(new ReleaseCommand(session, number, new ReleaseTokensRequest { RequestId = NextId() }));

    public void Advance(long nanos)
    {
        _now += nanos;
        while (_ledger.NextDeadlineNanos <= _now)
        {
            _turn.Clear();
            _ledger.HandleDeadlines(_now, _turn);
            Take();
        }
    }

    public Answer Send(Command command)
    {
        _turn.Clear();
        _last = command;
        Answer answer = _ledger.Handle(command, _now, _turn);
        Take();
        return answer;
    }

    public Answer SendLastAgain() => Send(_last!);

    public Command Last => _last!;

    /// <summary>What is wrong, one sentence; null when nothing is.</summary>
    public string? Fault()
    {
        AuditReport report = _audit.Finish();
        if (report.Findings is [AuditFinding first, ..])
            return $"event {first.Sequence} breaks {first.Rule.Id}: {first.Sentence}";
        foreach (AuditBalance naive in report.Balances)
        {
            Answer answer = _ledger.Handle(new BalanceQuery(0, naive.Account), _now, _turn);
            if (answer.Outcome != Outcome.Done) return $"{naive.Account} has no balance: {answer.Outcome}";
            GrainBalance said = ((GetBalanceResponse)answer.View!).Grains[0];
            if (Balances.Difference(said, naive) is { } difference) return difference;
        }

        var replayed = new TenantLedger(Tenant);
        foreach (LedgerEvent next in _journal) replayed.Apply(next);
        byte[] state = _ledger.Snapshot();
        if (!state.AsSpan().SequenceEqual(replayed.Snapshot())) return "a replay comes to another state";
        bool isRestored = TenantLedger.Restore(Tenant, state).Snapshot().AsSpan().SequenceEqual(state);
        return isRestored ? null : "a snapshot restores to another state";
    }

    // As a store gives them back: bytes, and nothing shared.
    private void Take()
    {
        foreach (LedgerEvent recorded in _turn)
        {
            LedgerEvent stored = LedgerEvent.Parser.ParseFrom(recorded.ToByteArray());
            _journal.Add(stored);
            _audit.Accept(stored);
        }
    }

    public static Money Nanos(long nanos) => new() { CurrencyCode = "USD", Nanos = (int)nanos };

    private static Catalog CatalogOf(long useCaseNanos, long tenantNanos)
    {
        var catalog = new Catalog
        {
            Tenant = Tenant,
            Currency = "USD",
            TimeZone = "Etc/UTC",
            Budget = new Budget { Limit = Nanos(tenantNanos) },
        };
        catalog.BusinessUnits.Add(new BusinessUnit { Id = "b" });
        var budget = new Budget { Limit = Nanos(useCaseNanos) };
        budget.Tiers.Add(new Tier { AtPercent = 80, Notify = { "owner" } });
        budget.Tiers.Add(new Tier { AtPercent = 100, Action = TierAction.Refuse });
        catalog.UseCases.Add(new UseCase { Id = "u", BusinessUnit = "b", Budget = budget });
        catalog.Agents.Add(new Agent
        {
            Id = "a",
            BusinessUnit = "b",
            UseCases = { "u" },
            Models = { "unit" },
            Tools = { "crm.read" },
        });
        catalog.Prices.Add(new Price
        {
            Model = "unit",
            EffectiveFrom = new Timestamp { Seconds = 1_700_000_000 },
            Rates = new Rates { Input = 1_000_000, Output = 1_000_000 },
        });
        return catalog;
    }
}
