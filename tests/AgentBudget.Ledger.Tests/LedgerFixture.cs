using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

/// <summary>
/// One tenant's ledger with a small catalog and a clock that only tests move. Beside it a second ledger is fed with the
/// bytes of the events, and after every command both are compared, and with what a snapshot restores, so no test can
/// change the state beside the events.
/// </summary>
internal sealed class LedgerFixture
{
    /// <summary>Costs 1 per million tokens in, 5 out.</summary>
    public const string Haiku = "claude-haiku-4-5";

    /// <summary>Costs 3 per million tokens in, 15 out.</summary>
    public const string Sonnet = "claude-sonnet-4-5";

    public const long Second = LogTime.NanosPerSecond;

    public const long Day = 24 * 60 * 60 * Second;

    public static readonly DateTime Start = new(2026, 11, 18, 10, 0, 0, DateTimeKind.Utc);

    private readonly TenantLedger _replayed = new("acme");
    private readonly bool _comparesEachTurn;
    private int _requests;
    private int _compared;

    /// <param name="change">Changes the small catalog before it is applied.</param>
    /// <param name="comparesEachTurn">False for long tests, which <see cref="Compare"/> at their end.</param>
    public LedgerFixture(Action<Catalog>? change = null, bool comparesEachTurn = true)
    {
        _comparesEachTurn = comparesEachTurn;
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
        if (_comparesEachTurn) Compare();
        return answer.DuplicateOf > 0 ? answer with { Event = Journal[(int)answer.DuplicateOf - 1] } : answer;
    }

    public void Advance(long nanos)
    {
        Now += nanos;
        while (Ledger.NextDeadlineNanos <= Now) Ledger.HandleDeadlines(Now, Journal);
        if (_comparesEachTurn) Compare();
    }

    /// <summary>Moves the clock without a turn, as an idle tenant sees it.</summary>
    public void Sleep(long nanos) => Now += nanos;

    public Answer Apply(Catalog catalog, Action<ApplyCatalogRequest>? change = null)
    {
        var request = new ApplyCatalogRequest { RequestId = NextRequestId(), Document = catalog.ToString() };
        change?.Invoke(request);
        return Send(new ApplyCatalogCommand(request, catalog.Clone(), [], "admin"));
    }

    /// <summary>Applies the present catalog with a change.</summary>
    public Answer Change(Action<Catalog> change, Action<ApplyCatalogRequest>? changeRequest = null)
    {
        Catalog catalog = Catalog().Catalog.Clone();
        change(catalog);
        return Apply(catalog, changeRequest);
    }

    /// <summary>Puts what a fragment says and removes items.</summary>
    public Answer Patch(Action<Catalog> put, params string[] remove) => Patch(put, static _ => { }, remove);

    public Answer Patch(Action<Catalog> put, Action<PatchCatalogRequest> change, params string[] remove)
    {
        var fragment = new Catalog();
        put(fragment);
        var request = new PatchCatalogRequest
        {
            RequestId = NextRequestId(),
            Document = $"{fragment} {string.Join(' ', remove)}",
        };
        change(request);
        return Send(new PatchCatalogCommand(request, fragment, remove, [], "admin"));
    }

    /// <summary>The catalog in force.</summary>
    public GetCatalogResponse Catalog() => (GetCatalogResponse)Send(new CatalogQuery()).View!;

    public long Open(Action<OpenSessionRequest>? change = null)
    {
        Answer answer = TryOpen(change);
        Assert.Equal(Outcome.Done, answer.Outcome);
        return answer.Event!.Sequence;
    }

    public Answer TryOpen(Action<OpenSessionRequest>? change = null, string actor = "admin")
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
        return Send(new OpenSessionCommand(request, actor));
    }

    /// <summary>Opens a subagent that asks for nothing of its own.</summary>
    public long OpenBelow(long parent, Action<OpenSessionRequest>? change = null)
    {
        Answer answer = TryOpenBelow(parent, change);
        Assert.Equal(Outcome.Done, answer.Outcome);
        return answer.Event!.Sequence;
    }

    public Answer TryOpenBelow(long parent, Action<OpenSessionRequest>? change = null)
    {
        var request = new OpenSessionRequest { RequestId = NextRequestId(), Task = "search" };
        change?.Invoke(request);
        return Send(new OpenSessionCommand(request, "admin", parent));
    }

    /// <summary>Opens a session whose token is bound; with a parent, below it.</summary>
    public Answer TryOpenBound(Confirmation? confirmation, long parent = 0, string? requestId = null) => Send(
        new OpenSessionCommand(
            new OpenSessionRequest
            {
                RequestId = requestId ?? NextRequestId(),
                Agent = "agents/writer",
                UseCase = "useCases/promo",
                OnBehalfOf = "user:kim@acme.test",
            },
            "admin",
            parent,
            confirmation));

    /// <summary>
    /// Asks for a call of 1,000 tokens in and 1,000 out: 6,000,000 nanos with Haiku, 18,000,000 with Sonnet.
    /// </summary>
    public Answer Reserve(long session, Action<ReserveTokensRequest>? change = null, string principal = "")
    {
        var request = new ReserveTokensRequest
        {
            RequestId = NextRequestId(),
            Model = Haiku,
            Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
        };
        change?.Invoke(request);
        return Send(new ReserveCommand(session, request, principal));
    }

    public long Hold(long session, Action<ReserveTokensRequest>? change = null, string principal = "")
    {
        Answer answer = Reserve(session, change, principal);
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
        long session,
        long reservation,
        long input,
        long output,
        Action<CommitTokensRequest>? change = null,
        string principal = "")
    {
        var request = new CommitTokensRequest
        {
            RequestId = NextRequestId(),
            Usage = new TokenUsage { InputTokens = input, OutputTokens = output },
        };
        change?.Invoke(request);
        return Send(new CommitCommand(session, reservation, request, Reading: null, principal));
    }

    public Answer Release(
        long session, long reservation, Action<ReleaseTokensRequest>? change = null, string principal = "")
    {
        var request = new ReleaseTokensRequest { RequestId = NextRequestId(), Reason = "not sent" };
        change?.Invoke(request);
        return Send(new ReleaseCommand(session, reservation, request, principal));
    }

    public Answer Amend(
        long session, long reservation, Action<AmendReservationRequest> change, string principal = "")
    {
        var request = new AmendReservationRequest { RequestId = NextRequestId() };
        change(request);
        return Send(new AmendCommand(session, reservation, request, principal));
    }

    public Answer End(long session, Action<EndSessionRequest>? change = null)
    {
        var request = new EndSessionRequest
        {
            RequestId = NextRequestId(),
            Outcome = new Protocol.V1.Outcome { Status = Protocol.V1.Outcome.Types.Status.Success },
        };
        change?.Invoke(request);
        return Send(new EndSessionCommand(session, request, "admin"));
    }

    public Answer Revoke(long session, Action<RevokeSessionRequest>? change = null)
    {
        var request = new RevokeSessionRequest { RequestId = NextRequestId(), Reason = "leaked" };
        change?.Invoke(request);
        return Send(new RevokeSessionCommand(session, request, "admin"));
    }

    public Answer Suspend(long session, Action<SuspendSessionRequest>? change = null)
    {
        var request = new SuspendSessionRequest { RequestId = NextRequestId(), Reason = "odd" };
        change?.Invoke(request);
        return Send(new SuspendSessionCommand(session, request, "owner"));
    }

    public Answer Resume(long session, Action<ResumeSessionRequest>? change = null)
    {
        var request = new ResumeSessionRequest { RequestId = NextRequestId(), Reason = "fine" };
        change?.Invoke(request);
        return Send(new ResumeSessionCommand(session, request, "owner"));
    }

    public Answer ResetBreaker(long session, Action<ResetBreakerRequest>? change = null)
    {
        var request = new ResetBreakerRequest
        {
            RequestId = NextRequestId(),
            Grain = $"sessions/s{session}",
            Reason = "mended",
        };
        change?.Invoke(request);
        return Send(new ResetBreakerCommand(request, "owner"));
    }

    public Answer Renew(long session, long ttlSeconds = 0, Action<RenewSessionRequest>? change = null)
    {
        var request = new RenewSessionRequest
        {
            RequestId = NextRequestId(),
            Ttl = ttlSeconds == 0 ? null : new Duration { Seconds = ttlSeconds },
        };
        change?.Invoke(request);
        return Send(new RenewSessionCommand(session, request, "admin"));
    }

    public Answer Extend(
        string account,
        decimal? amount = null,
        decimal? limit = null,
        long expiresAtNanos = 0,
        Action<ExtendBudgetRequest>? change = null)
    {
        var request = new ExtendBudgetRequest
        {
            RequestId = NextRequestId(),
            Grain = account,
            Amount = amount is null ? null : Catalogs.Dollars(amount.Value),
            Limit = limit is null ? null : Catalogs.Dollars(limit.Value),
            ExpireTime = LogTime.ToOptionalTimestamp(expiresAtNanos),
            Reason = "quarter end",
        };
        change?.Invoke(request);
        return Send(new ExtendBudgetCommand(request, "admin"));
    }

    public GrainBalance Balance(string account)
    {
        Answer answer = Send(new BalanceQuery(0, account));
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

    public ListSessionsResponse Sessions(Action<ListSessionsRequest>? change = null)
    {
        var request = new ListSessionsRequest();
        change?.Invoke(request);
        return (ListSessionsResponse)Send(new SessionsQuery(request)).View!;
    }

    public static long Nanos(Money money)
    {
        Assert.True(MoneyMath.TryToNanos(money, out long nanos));
        return nanos;
    }

    /// <summary>Continues on a ledger that was restored from a snapshot of the present one.</summary>
    public void Restart() => Ledger = TenantLedger.Restore("acme", Ledger.Snapshot());

    public string NextRequestId() => $"request-{++_requests}";

    /// <summary>
    /// The journal's bytes and nothing else make the state: applies what came since the last time to the second ledger
    /// and compares the snapshots, and the snapshot with what it restores.
    /// </summary>
    public void Compare()
    {
        byte[] snapshot = Ledger.Snapshot();
        for (; _compared < Journal.Count; _compared++)
            _replayed.Apply(LedgerEvent.Parser.ParseFrom(Journal[_compared].ToByteArray()));
        Assert.Equal(snapshot, _replayed.Snapshot());
        Assert.Equal(snapshot, TenantLedger.Restore("acme", snapshot).Snapshot());
    }
}
