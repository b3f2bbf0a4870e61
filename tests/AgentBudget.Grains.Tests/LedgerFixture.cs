using AgentBudget.Grains.Prices;
using AgentBudget.Grains.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Grains.Tests;

/// <summary>
/// One tenant's ledger with a small catalog and a clock that only tests move. After every command the ledger is
/// compared with a replay of its own events, so no test can change the state beside the events.
/// </summary>
internal sealed class LedgerFixture
{
    /// <summary>Costs 1 per million tokens in, 5 out.</summary>
    public const string Haiku = "claude-haiku-4-5";

    /// <summary>Costs 3 per million tokens in, 15 out.</summary>
    public const string Sonnet = "claude-sonnet-4-5";

    public const long Second = LogTime.NanosPerSecond;

    public static readonly DateTime Start = new(2026, 11, 18, 10, 0, 0, DateTimeKind.Utc);

    private int _requests;

    public LedgerFixture(Action<Catalog>? change = null)
    {
        Ledger = new TenantLedger("acme");
        Now = LogTime.FromTimestamp(Start.ToTimestamp());
        Catalog catalog = Catalogs.Acme();
        change?.Invoke(catalog);
        Assert.Equal(Outcome.Done, Apply(catalog).Outcome);
    }

    public TenantLedger Ledger { get; private set; }

    public long Now { get; set; }

    /// <summary>Every event so far.</summary>
    public List<LedgerEvent> Journal { get; } = [];

    public Answer Send(Command command)
    {
        Answer answer = Ledger.Handle(command, Now, Journal);
        AssertReplayIsEqual();
        return answer.DuplicateOf > 0 ? answer with { Event = Journal[(int)answer.DuplicateOf - 1] } : answer;
    }

    public void Advance(long nanos)
    {
        Now += nanos;
        while (Ledger.NextDeadlineNanos <= Now) Ledger.HandleDeadlines(Now, Journal);
        AssertReplayIsEqual();
    }

    public Answer Apply(Catalog catalog) => Send(new ApplyCatalogCommand(
        new ApplyCatalogRequest { RequestId = NextRequestId(), Document = catalog.ToString() },
        catalog.Clone(),
        [],
        "admin"));

    public long Open(Action<OpenSessionRequest>? change = null)
    {
        Answer answer = TryOpen(change);
        Assert.Equal(Outcome.Done, answer.Outcome);
        return answer.Event!.Sequence;
    }

    public Answer TryOpen(Action<OpenSessionRequest>? change = null)
    {
        var request = new OpenSessionRequest
        {
            RequestId = NextRequestId(),
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            Task = "draft",
            OnBehalfOf = "user:kim@acme.test",
        };
        change?.Invoke(request);
        return Send(new OpenSessionCommand(request, "admin"));
    }

    /// <summary>
    /// Asks for a call of 1,000 tokens in and 1,000 out: 6,000,000 nanos with Haiku, 18,000,000 with Sonnet.
    /// </summary>
    public Answer Reserve(long session, Action<ReserveTokensRequest>? change = null)
    {
        var request = new ReserveTokensRequest
        {
            RequestId = NextRequestId(),
            Model = Haiku,
            Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
        };
        change?.Invoke(request);
        return Send(new ReserveCommand(session, request));
    }

    public long Hold(long session, Action<ReserveTokensRequest>? change = null)
    {
        Answer answer = Reserve(session, change);
        Assert.Equal(Outcome.Done, answer.Outcome);
        Assert.Equal(LedgerEvent.FactOneofCase.ReservationHeld, answer.Event!.FactCase);
        return answer.Event.Sequence;
    }

    public Reason RefusalOf(long session, Action<ReserveTokensRequest>? change = null)
    {
        Answer answer = Reserve(session, change);
        Assert.Equal(Outcome.Done, answer.Outcome);
        return answer.Event!.ReservationRefused?.Reason ?? Reason.Unspecified;
    }

    public Answer Commit(
        long session, long reservation, long input, long output, Action<CommitTokensRequest>? change = null)
    {
        var request = new CommitTokensRequest
        {
            RequestId = NextRequestId(),
            Usage = new TokenUsage { InputTokens = input, OutputTokens = output },
        };
        change?.Invoke(request);
        return Send(new CommitCommand(session, reservation, request));
    }

    public Answer Release(long session, long reservation) => Send(new ReleaseCommand(
        session, reservation, new ReleaseTokensRequest { RequestId = NextRequestId(), Reason = "not sent" }));

    public Answer End(long session) => Send(new EndSessionCommand(
        session,
        new EndSessionRequest
        {
            RequestId = NextRequestId(),
            Outcome = new Protocol.V1.Outcome { Status = Protocol.V1.Outcome.Types.Status.Success },
        },
        "admin"));

    public Answer Revoke(long session) => Send(new RevokeSessionCommand(
        session, new RevokeSessionRequest { RequestId = NextRequestId(), Reason = "leaked" }, "admin"));

    public Answer Extend(string grain, decimal? amount = null, decimal? limit = null, Timestamp? expireTime = null) =>
        Send(new ExtendBudgetCommand(
            new ExtendBudgetRequest
            {
                RequestId = NextRequestId(),
                Grain = grain,
                Amount = amount is null ? null : Catalogs.Dollars(amount.Value),
                Limit = limit is null ? null : Catalogs.Dollars(limit.Value),
                ExpireTime = expireTime,
                Reason = "quarter end",
            },
            "admin"));

    public GrainBalance Balance(string grain)
    {
        Answer answer = Send(new BalanceQuery(0, grain));
        Assert.Equal(Outcome.Done, answer.Outcome);
        return ((GetBalanceResponse)answer.View!).Grains.Single();
    }

    public IReadOnlyList<GrainBalance> Path(long session)
    {
        Answer answer = Send(new BalanceQuery(session, ""));
        Assert.Equal(Outcome.Done, answer.Outcome);
        return ((GetBalanceResponse)answer.View!).Grains;
    }

    public Session Session(long session) =>
        ((GetSessionResponse)Send(new SessionQuery(session)).View!).Session;

    public static long Nanos(Money money)
    {
        Assert.True(MoneyMath.TryToNanos(money, out long nanos));
        return nanos;
    }

    /// <summary>Continues on a ledger that was restored from a snapshot of the present one.</summary>
    public void Restart() => Ledger = TenantLedger.Restore("acme", Ledger.Snapshot());

    public string NextRequestId() => $"request-{++_requests}";

    // The journal's bytes and nothing else make the state: replay them and compare snapshots; restore and compare
    // again.
    private void AssertReplayIsEqual()
    {
        byte[] snapshot = Ledger.Snapshot();
        var replayed = new TenantLedger("acme");
        foreach (LedgerEvent ledgerEvent in Journal)
            replayed.Apply(LedgerEvent.Parser.ParseFrom(ledgerEvent.ToByteArray()));
        Assert.Equal(snapshot, replayed.Snapshot());
        Assert.Equal(snapshot, TenantLedger.Restore("acme", snapshot).Snapshot());
    }
}
