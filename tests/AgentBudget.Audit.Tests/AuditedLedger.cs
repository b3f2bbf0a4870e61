using AgentBudget.Ledger;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Audit.Tests;

/// <summary>
/// The real ledger of one tenant with a clock that only tests move, and its journal to audit or to spoil.
/// </summary>
internal sealed class AuditedLedger
{
    public const string Tenant = "acme";
    public const string Haiku = "haiku";
    public const string Sonnet = "sonnet";
    public const string Writer = "agents/writer";
    public const string Promo = "useCases/promo";
    public const string Minute = "sandbox.minute";
    public const string Search = "search.web";

    public static readonly DateTime Start = new(2026, 11, 18, 10, 0, 0, DateTimeKind.Utc);

    private int _requests;

    public AuditedLedger(Action<Catalog>? change = null)
    {
        Ledger = new TenantLedger(Tenant);
        Now = LogTime.FromTimestamp(Start.ToTimestamp());
        Apply(change);
    }

    public TenantLedger Ledger { get; }

    public long Now { get; set; }

    /// <summary>Every event so far.</summary>
    public List<LedgerEvent> Journal { get; } = [];

    public LedgerEvent Last => Journal[^1];

    public static AuditReport Audit(IEnumerable<LedgerEvent> journal)
    {
        var audit = new LedgerAudit(Tenant);
        // As a store gives them back: bytes, and nothing shared.
        foreach (LedgerEvent ledgerEvent in journal)
            audit.Accept(LedgerEvent.Parser.ParseFrom(ledgerEvent.ToByteArray()));
        return audit.Finish();
    }

    /// <summary>An estimate of input alone.</summary>
    public static TokenEstimate Input(long tokens) => new() { InputTokens = tokens, MaxOutputTokens = 0 };

    public static Money Dollars(decimal amount) => MoneyMath.ToMoney((long)(amount * MoneyMath.NanosPerUnit), "USD");

    /// <summary>
    /// Haiku costs 1 in and 5 out, Sonnet three times that, a sandbox minute 0.004, a search 0.01; the use case is
    /// limited to 1.00 a month.
    /// </summary>
    public static Catalog Catalog()
    {
        var catalog = new Catalog { Tenant = Tenant, Currency = "USD", TimeZone = "Europe/Berlin" };
        catalog.Tags.Add("customer", new TagRule());
        catalog.BusinessUnits.Add(new BusinessUnit { Id = "marketing" });
        catalog.UseCases.Add(new UseCase
        {
            Id = "promo",
            BusinessUnit = "marketing",
            Budget = new Budget { Limit = Dollars(1), Period = Period.Month },
            Downgrade = { [Sonnet] = Haiku },
        });
        catalog.Agents.Add(new Agent
        {
            Id = "writer",
            BusinessUnit = "marketing",
            UseCases = { "promo" },
            Tools = { "crm.read", "search.*" },
            Models = { Sonnet, Haiku },
        });
        catalog.Prices.Add(Price(Sonnet, input: 3, output: 15));
        catalog.Prices.Add(Price(Haiku, input: 1, output: 5));
        catalog.Skus.Add(new Sku { Id = Minute, Unit = "minute", Cost = Dollars(0.004m) });
        catalog.Tools.Add(new Tool { Id = Search, CostPerCall = Dollars(0.01m) });
        return catalog;
    }

    public static Price Price(string model, decimal input, decimal output) => new()
    {
        Model = model,
        EffectiveFrom = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).ToTimestamp(),
        Rates = new Rates
        {
            Input = (long)(input * MoneyMath.NanosPerUnit),
            Output = (long)(output * MoneyMath.NanosPerUnit),
        },
    };

    public string NextRequestId() => $"request-{++_requests}";

    public Answer Send(Command command)
    {
        Answer answer = Ledger.Handle(command, Now, Journal);
        return answer.DuplicateOf > 0 ? answer with { Event = Journal[(int)answer.DuplicateOf - 1] } : answer;
    }

    public void Advance(TimeSpan time)
    {
        Now += time.Ticks * LogTime.NanosPerTick;
        while (Ledger.NextDeadlineNanos <= Now) Ledger.HandleDeadlines(Now, Journal);
    }

    public void Patch(Action<Catalog> change, params string[] remove)
    {
        var put = new Catalog();
        change(put);
        var request = new PatchCatalogRequest { RequestId = NextRequestId(), Document = put.ToString() };
        Answer answer = Send(new PatchCatalogCommand(request, put, remove, [], "admin"));
        Assert.Equal(Outcome.Done, answer.Outcome);
    }

    public void Apply(Action<Catalog>? change = null)
    {
        Catalog catalog = Catalog();
        change?.Invoke(catalog);
        var request = new ApplyCatalogRequest { RequestId = NextRequestId(), Document = catalog.ToString() };
        Answer answer = Send(new ApplyCatalogCommand(request, catalog, [], "admin"));
        Assert.Equal(Outcome.Done, answer.Outcome);
    }

    public long Open(Action<OpenSessionRequest>? change = null, string actor = "admin")
    {
        var request = new OpenSessionRequest
        {
            RequestId = NextRequestId(),
            Agent = Writer,
            UseCase = Promo,
            OnBehalfOf = "user:kim@acme.test",
        };
        change?.Invoke(request);
        return Done(Send(new OpenSessionCommand(request, actor))).Sequence;
    }

    /// <summary>A session that a credential opened, by a token that a user may have given.</summary>
    public long OpenBy(long credential, string token = "", bool isProven = false, long given = 0)
    {
        var request = new OpenSessionRequest
        {
            RequestId = NextRequestId(),
            Agent = Writer,
            UseCase = Promo,
            OnBehalfOf = "user:kim@acme.test",
        };
        SessionOrigin origin = new([credential], token.Length == 0 ? [] : [token], isProven, 0, given);
        return Done(Send(new OpenSessionCommand(request, "admin", Origin: origin))).Sequence;
    }

    public void RevokeSessions(string user) => Done(Send(new RevokeSessionsCommand(
        new RevokeSessionsRequest { RequestId = NextRequestId(), OnBehalfOf = user, Reason = "left" }, "admin")));

    /// <summary>A session whose token is bound.</summary>
    public long OpenBound()
    {
        var confirmation = new Confirmation { CertificateSha256 = new string('c', 43) };
        var request = new OpenSessionRequest
        {
            RequestId = NextRequestId(),
            Agent = Writer,
            UseCase = Promo,
            OnBehalfOf = "user:kim@acme.test",
        };
        return Done(Send(new OpenSessionCommand(request, "admin", 0, confirmation))).Sequence;
    }

    public long OpenBelow(long parent) => Done(Send(new OpenSessionCommand(
        new OpenSessionRequest { RequestId = NextRequestId() }, "admin", parent))).Sequence;

    /// <summary>Asks for 1,000 tokens in and 1,000 out: 6,000,000 nanos with Haiku.</summary>
    public LedgerEvent Reserve(long session, Action<ReserveTokensRequest>? change = null)
    {
        var request = new ReserveTokensRequest
        {
            RequestId = NextRequestId(),
            Model = Haiku,
            Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
        };
        change?.Invoke(request);
        return Done(Send(new ReserveCommand(session, request)));
    }

    public long Hold(long session, Action<ReserveTokensRequest>? change = null)
    {
        LedgerEvent ledgerEvent = Reserve(session, change);
        Assert.NotNull(ledgerEvent.ReservationHeld);
        return ledgerEvent.Sequence;
    }

    public void Commit(
        long session,
        long reservation,
        long input = 1000,
        long output = 500,
        Action<CommitTokensRequest>? change = null)
    {
        var request = new CommitTokensRequest
        {
            RequestId = NextRequestId(),
            Usage = new TokenUsage { InputTokens = input, OutputTokens = output },
        };
        change?.Invoke(request);
        Done(Send(new CommitCommand(session, reservation, request)));
    }

    public LedgerEvent Amend(long session, long reservation, Action<AmendReservationRequest> change)
    {
        var request = new AmendReservationRequest { RequestId = NextRequestId() };
        change(request);
        return Done(Send(new AmendCommand(session, reservation, request)));
    }

    public LedgerEvent Record(long session, string sku, double quantity) => Done(Send(new RecordCostCommand(
        session, new RecordCostRequest { RequestId = NextRequestId(), Sku = sku, Quantity = quantity })));

    public void Dismiss(long settled) => Done(Send(new DecideDisputeCommand(
        new DecideDisputeRequest
        {
            RequestId = NextRequestId(),
            Dispute = $"disputes/d{settled}",
            Decision = DisputeDecision.Dismissed,
            Reason = "asked",
        },
        "admin")));

    public void Release(long session, long reservation) => Done(Send(new ReleaseCommand(
        session, reservation, new ReleaseTokensRequest { RequestId = NextRequestId() })));

    public void Renew(long session) => Done(Send(new RenewSessionCommand(
        session, new RenewSessionRequest { RequestId = NextRequestId() }, "admin")));

    public void End(long session) => Done(Send(new EndSessionCommand(
        session,
        new EndSessionRequest
        {
            RequestId = NextRequestId(),
            Outcome = new Protocol.V1.Outcome { Status = Protocol.V1.Outcome.Types.Status.Success },
        },
        "admin")));

    public void Revoke(long session) => Done(Send(new RevokeSessionCommand(
        session, new RevokeSessionRequest { RequestId = NextRequestId(), Reason = "leaked" }, "admin")));

    public long Create(string principal = Writer, TimeSpan? until = null) => Done(Send(new CreateCredentialCommand(
        new CreateCredentialRequest
        {
            RequestId = NextRequestId(),
            Principal = principal,
            Role = Role.Agent,
            ExpireTime = until is null ? null : LogTime.ToTimestamp(Now + (until.Value.Ticks * LogTime.NanosPerTick)),
        },
        ByteString.CopyFrom(new byte[32]),
        "admin"))).Sequence;

    public void RevokeCredential(long number) => Done(Send(new RevokeCredentialCommand(
        number, new RevokeCredentialRequest { RequestId = NextRequestId(), Reason = "leaked" }, "admin")));

    public void RevokeToken(string id) => Done(Send(new RevokeAccessTokenCommand(
        NextRequestId(),
        new AccessTokenRevoked
        {
            TokenId = id,
            Credential = 2,
            ExpireTime = LogTime.ToTimestamp(Now + LogTime.NanosPerSecond),
        },
        "admin")));

    public void Use(params CredentialUse[] uses) => Done(Send(new RecordCredentialUsesCommand(
        NextRequestId(), new CredentialsUsed { Uses = { uses } })));

    /// <summary>A use at this time.</summary>
    public CredentialUse UseOf(long credential, params string[] places) =>
        new() { Credential = credential, LastUseTime = LogTime.ToTimestamp(Now), Places = { places } };

    public void Suspend(string agent = Writer) => Done(Send(new SuspendAgentCommand(
        new SuspendAgentRequest { RequestId = NextRequestId(), Agent = agent, Reason = "odd" }, "admin")));

    public void Resume(string agent = Writer) => Done(Send(new ResumeAgentCommand(
        new ResumeAgentRequest { RequestId = NextRequestId(), Agent = agent, Reason = "fine" }, "admin")));

    public void Decommission(string agent = Writer) => Done(Send(new DecommissionAgentCommand(
        new DecommissionAgentRequest { RequestId = NextRequestId(), Agent = agent, Reason = "gone" }, "admin")));

    public LedgerEvent Authorize(long session, string tool, string digest = "") => Done(Send(new AuthorizeToolCommand(
        session,
        new AuthorizeToolRequest { RequestId = NextRequestId(), Tool = tool, ToolArgumentsDigest = digest })));

    public void SuspendSession(long session) => Done(Send(new SuspendSessionCommand(
        session, new SuspendSessionRequest { RequestId = NextRequestId(), Reason = "odd" }, "owner")));

    public void ResumeSession(long session) => Done(Send(new ResumeSessionCommand(
        session, new ResumeSessionRequest { RequestId = NextRequestId(), Reason = "fine" }, "owner")));

    public void ResetBreaker(long session) => Done(Send(new ResetBreakerCommand(
        new ResetBreakerRequest { RequestId = NextRequestId(), Grain = $"sessions/s{session}", Reason = "mended" },
        "owner")));

    public void Extend(string account, decimal amount, TimeSpan? until = null) => Done(Send(new ExtendBudgetCommand(
        new ExtendBudgetRequest
        {
            RequestId = NextRequestId(),
            Grain = account,
            Amount = Dollars(amount),
            ExpireTime = until is null ? null : LogTime.ToTimestamp(Now + (until.Value.Ticks * LogTime.NanosPerTick)),
            Reason = "quarter end",
        },
        "admin")));

    public long Ask(long session, TimeSpan? until = null) => Done(Send(new RequestExtensionCommand(
        new RequestExtensionRequest
        {
            RequestId = NextRequestId(),
            Grain = "useCases/promo",
            Amount = Dollars(1),
            ExpireTime = until is null ? null : LogTime.ToTimestamp(Now + (until.Value.Ticks * LogTime.NanosPerTick)),
            Reason = "quarter end",
        },
        session,
        "agents/writer"))).Sequence;

    public void Answer(long asked, ExtensionState decision) => Done(Send(new DecideExtensionCommand(
        new DecideExtensionRequest
        {
            RequestId = NextRequestId(),
            ExtensionRequest = Names.ExtensionRequest(asked),
            Decision = decision,
            Reason = "seen",
        },
        "finance")));

    public void Adjust(string grain, decimal dollars, AdjustedReservation? reservation = null) =>
        Done(Send(new AdjustSpendCommand(
            new AdjustSpendRequest
            {
                RequestId = NextRequestId(),
                Grain = grain,
                Amount = Dollars(dollars),
                Reason = "typo",
            },
            reservation,
            "admin")));

    public void Reset(string grain) => Done(Send(new ResetBudgetCommand(
        new ResetBudgetRequest { RequestId = NextRequestId(), Grain = grain, Reason = "again" }, "admin")));

    public void Rerate(Spender spender, long nanos) => Done(Send(new RerateSpendCommand(
        new RerateSpendRequest
        {
            RequestId = NextRequestId(),
            StartTime = new Google.Protobuf.WellKnownTypes.Timestamp { Seconds = 1 },
            EndTime = LogTime.ToTimestamp(Now),
            PriceVersion = 1,
            Apply = true,
            Reason = "wrong price",
        },
        new Ledger.Prices.RatedPeriod([new Ledger.Prices.RatedSpend(spender, "", 0, nanos)], 1, 0, LastRerating: 0),
        "admin")));

    private static LedgerEvent Done(Answer answer)
    {
        Assert.Equal(Outcome.Done, answer.Outcome);
        return answer.Event!;
    }
}
