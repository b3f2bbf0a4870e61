using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Simulation.Clients;

/// <summary>Commands at random, right and wrong ones. A new command is one row of the table and one method.</summary>
internal static partial class Workload
{
    private const string Caller = "admin";
    private const string Nobody = "nobody";
    private static readonly string[] Skus = ["sandbox.minute", "search.web", "unheard-of", "image", "request"];
    private static readonly string[] NamedTools = ["crm.read", "search.web", "billing.pay"];
    private static readonly string[] Tools = ["", "", "", "", "", "crm.read", "crm.read", "search.web", "billing.pay"];

    private static readonly string[] Digests = ["", "a", "a", "a", "b"];

    // Who spends: the session's own agent, as it may be, two gateways, the operator.
    private static readonly string[] Principals =
        ["agents/a0", "agents/a0", "gateways/east", "gateways/east", "gateways/west", "operators/admin"];

    private static readonly (int Weight, Func<TenantModel, Command> Make)[] Table =
    [
        (80, Open), (60, OpenChild), (440, Reserve), (260, Commit), (80, Release), (60, Amend), (30, AuthorizeTool),
        (60, RecordCost), (12, SuspendSession), (12, ResumeSession), (8, ResetBreaker),
        (20, Renew), (15, EndSession), (10, Revoke), (30, Extend), (24, RequestExtension), (30, DecideExtension),
        (12, DecideDispute), (20, Catalogs.Apply), (20, Catalogs.Patch),
        (40, Query), (24, Adjust), (8, Reset), (6, Rerate),
        (8, CreateCredential), (6, RevokeCredential), (8, SuspendAgent), (8, ResumeAgent), (2, DecommissionAgent),
        (14, RevokeAccessToken), (6, RotateKey), (6, ChangeNotices), (6, RecordUses), (4, RevokeSessions),
    ];

    private static readonly int TotalWeight = Table.Sum(row => row.Weight);

    public static Command Next(TenantModel tenant)
    {
        if (!tenant.HasCatalog && tenant.Random.Below(8) > 0) return Catalogs.Apply(tenant);
        if (tenant.Sessions.Count == 0 && tenant.Random.Below(8) > 0) return Open(tenant);
        int at = tenant.Random.Below(TotalWeight);
        foreach ((int weight, Func<TenantModel, Command> make) in Table)
        {
            if (at < weight) return make(tenant);
            at -= weight;
        }

        return Query(tenant);
    }

    public static OpenSessionCommand Open(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        var request = new OpenSessionRequest
        {
            RequestId = tenant.NextId(),
            Agent = $"agents/{(random.Below(20) == 0 ? Nobody : Catalogs.AnyAgent(tenant))}",
            UseCase = $"useCases/{(random.Below(20) == 0 ? Nobody : Catalogs.AnyUseCase(tenant))}",
            Task = "draft",
            Unattended = true,
        };
        if (random.Below(4) == 0) request.Ttl = Seconds(random.Spread(1, 7200));
        if (random.Below(25) == 0) request.Tools.Add("billing.pay");
        if (random.Below(25) == 0) request.Models.Add("unheard-of");
        if (random.Below(3) == 0) request.Tags.Add("customer", random.Below(8) == 0 ? "k9" : "k1");
        if (random.Below(3) == 0) request.Ceilings = CeilingsOf(random);
        return new OpenSessionCommand(request, Caller, Origin: OriginOf(tenant, request));
    }

    private static Ceilings CeilingsOf(SimRandom random)
    {
        var ceilings = new Ceilings();
        if (random.Coin()) ceilings.CostPerSession = Catalogs.Nanos(random.Spread(0, 9000));
        if (random.Coin()) ceilings.TokensPerSession = random.Spread(0, 9000);
        if (random.Below(3) == 0) ceilings.StepsPerSession = random.Spread(0, 30);
        if (random.Below(3) == 0) ceilings.ToolCallsPerSession = random.Spread(0, 6);
        if (random.Below(3) == 0) ceilings.OpenHolds = random.Spread(0, 6);
        if (random.Below(3) == 0) ceilings.TokensPerRequest = random.Spread(1, 6000);
        if (random.Below(3) == 0) ceilings.Run = RunCeilingsOf(random);
        if (random.Below(20) == 0) ceilings.CostPerSession = new Money { CurrencyCode = "EUR", Units = 1 };
        return ceilings;
    }

    private static RunCeilings RunCeilingsOf(SimRandom random)
    {
        var ceilings = new RunCeilings();
        if (random.Coin()) ceilings.Cost = Catalogs.Nanos(random.Spread(0, 9000));
        if (random.Coin()) ceilings.Subagents = random.Spread(0, 20);
        if (random.Coin()) ceilings.ConcurrentSubagents = random.Spread(0, 8);
        if (random.Coin()) ceilings.Depth = (int)random.Spread(0, 4);
        return ceilings;
    }

    private static ReserveCommand Reserve(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        long session = AnySession(tenant);
        long input = random.Spread(1, 3000);
        // At the limit, one below and one above it: what is left in money is that many tokens of the unit model.
        bool isAtLimit = random.Below(3) == 0 && tenant.LeftNanos.TryGetValue(session, out long left) && left > 1;
        if (isAtLimit) input = tenant.LeftNanos[session] + random.Between(-1, 1);
        var request = new ReserveTokensRequest
        {
            RequestId = tenant.NextId(),
            Model = isAtLimit ? Catalogs.Unit : random.Any(Catalogs.Models),
            Tool = random.Any(Tools),
            Estimate = new TokenEstimate { InputTokens = input, MaxOutputTokens = 0 },
            ToolArgumentsDigest = random.Any(Digests),
            OnExpiry = (OnExpiry)random.Below(3),
            ServiceTier = random.Coin() ? ServiceTier.Unspecified : (ServiceTier)random.Below(5),
            DryRun = random.Below(30) == 0,
        };
        if (!isAtLimit) request.Estimate.MaxOutputTokens = random.Spread(0, 400);
        if (!isAtLimit && random.Below(6) == 0) request.Estimate.ClearMaxOutputTokens();
        if (random.Below(8) == 0) request.Estimate.CacheReadTokens = random.Spread(0, 2000);
        if (random.Below(40) == 0) request.Estimate.ReasoningTokens = 7;
        if (random.Below(40) == 0) request.Estimate.InputImageTokens = 7;
        if (random.Below(20) == 0) AddItems(request, random);
        if (random.Below(40) == 0)
        {
            request.Model = Catalogs.Vast;
            request.Estimate.InputTokens = 1_000_000_000_000;
        }

        request.Ttl = TtlOf(tenant);
        if (random.Below(4) == 0) request.Tags.Add("customer", random.Below(12) == 0 ? "k9" : "k2");
        return new ReserveCommand(session, request, AnyPrincipal(random));
    }

    // Counted items beside the tokens, or nothing but them.
    private static void AddItems(ReserveTokensRequest request, SimRandom random)
    {
        if (random.Coin()) (request.Model, request.Estimate) = ("", new TokenEstimate());
        request.Estimate.Items.Add(new CountedItem { Sku = random.Any(Skus), Count = random.Spread(1, 9) });
    }

    private static Duration? TtlOf(TenantModel tenant) => tenant.World.Plan.HoldTtl switch
    {
        Swarms.TtlShape.Absent => null,
        Swarms.TtlShape.Short => Seconds(tenant.Random.Spread(1, 30)),
        Swarms.TtlShape.Max => Seconds(86_400),
        Swarms.TtlShape.Mixed => tenant.Random.Below(3) switch
        {
            0 => null,
            1 => Seconds(tenant.Random.Spread(1, 86_400)),
            _ => Seconds(1),
        },
    };

    private static Command Commit(TenantModel tenant)
    {
        if (tenant.Holds.Count == 0) return Reserve(tenant);
        SimRandom random = tenant.Random;
        KnownHold hold = AnyHold(tenant);
        long used = random.Below(4) switch
        {
            0 => hold.Tokens,
            1 => hold.Tokens + random.Spread(1, 500),
            2 => 0,
            _ => random.Spread(0, Math.Max(1, hold.Tokens)),
        };
        var request = new CommitTokensRequest
        {
            RequestId = tenant.NextId(),
            Usage = new TokenUsage { InputTokens = used },
            Model = random.Below(5) == 0 ? random.Any(Catalogs.Models) : "",
        };
        if (random.Below(60) == 0)
        {
            request.Usage.InputTokens = 1_000_000_000_000;
            request.Model = Catalogs.Vast;
        }

        if (random.Below(40) == 0) request.Usage.InputTokens = (hold.Tokens * 100) + random.Between(0, 2);
        if (random.Below(4) == 0) request.Final = false;
        request.Cumulative = hold.Number % 3 == 0;
        AddTerms(request, random);
        UsageReading? reading = random.Below(8) > 0 ? null : new UsageReading
        {
            Unread = { "odd" },
            Cost = random.Coin() ? Catalogs.Nanos(random.Spread(0, 900)) : null,
            ServiceTier = (ServiceTier)random.Below(5),
        };
        return new CommitCommand(
            hold.Session, Misnamed(random, hold.Number), request, reading, HolderOf(hold, random));
    }

    // What served the call is not always what was reserved, and it may be several samplings.
    private static void AddTerms(CommitTokensRequest request, SimRandom random)
    {
        if (random.Below(8) == 0)
        {
            var sampled = new TokenUsage { InputTokens = random.Spread(0, 900), OutputImageTokens = random.Below(9) };
            request.Parts.Add(new UsagePart { Model = random.Any(Catalogs.Models), Usage = sampled });
        }

        if (random.Below(10) == 0) request.BilledCost = Catalogs.Nanos(random.Spread(0, 900));
        if (random.Below(6) == 0) request.ServiceTier = (ServiceTier)random.Below(5);
        if (random.Below(8) == 0)
            request.Usage.Items.Add(new CountedItem { Sku = random.Any(Skus), Count = random.Between(1, 3) });
    }

    private static DecideDisputeCommand DecideDispute(TenantModel tenant)
    {
        bool isKnown = tenant.Disputes.Count > 0 && tenant.Random.Below(10) > 0;
        var request = new DecideDisputeRequest
        {
            RequestId = tenant.NextId(),
            Dispute = $"disputes/d{(isKnown ? tenant.Random.Any(tenant.Disputes) : 3)}",
            Decision = tenant.Random.Coin() ? DisputeDecision.Confirmed : DisputeDecision.Dismissed,
            Reason = "asked",
        };
        return new DecideDisputeCommand(request, Caller);
    }

    private static Command Release(TenantModel tenant)
    {
        if (tenant.Holds.Count == 0) return Reserve(tenant);
        KnownHold hold = AnyHold(tenant);
        var request = new ReleaseTokensRequest { RequestId = tenant.NextId(), Reason = "not needed" };
        return new ReleaseCommand(
            hold.Session, Misnamed(tenant.Random, hold.Number), request, HolderOf(hold, tenant.Random));
    }

    private static RenewSessionCommand Renew(TenantModel tenant) =>
        new(AnySession(tenant), new RenewSessionRequest { RequestId = tenant.NextId() }, Caller);

    private static EndSessionCommand EndSession(TenantModel tenant)
    {
        var request = new EndSessionRequest { RequestId = tenant.NextId() };
        if (tenant.Random.Coin())
        {
            request.Outcome = new Protocol.V1.Outcome
            {
                Status = Protocol.V1.Outcome.Types.Status.Success,
                Metrics = { ["done"] = 1 },
            };
        }

        return new EndSessionCommand(AnySession(tenant), request, Caller);
    }

    private static RevokeSessionCommand Revoke(TenantModel tenant) => new(
        AnySession(tenant), new RevokeSessionRequest { RequestId = tenant.NextId(), Reason = "leaked" }, Caller);

    private static ExtendBudgetCommand Extend(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        var request = new ExtendBudgetRequest
        {
            RequestId = tenant.NextId(),
            Grain = Catalogs.AnyAccount(tenant),
            Reason = "more",
            Window = Catalogs.AnyWindow(tenant),
        };
        switch (random.Below(9))
        {
            case 0:
                request.Amount = new Money { CurrencyCode = "EUR", Units = 1 };
                break;
            case 1:
                request.AmountTokens = random.Spread(1, 5000);
                break;
            case 2:
                request.LimitTokens = random.Spread(0, 5000);
                break;
            case < 6:
                request.Amount = Catalogs.Nanos(random.Spread(1, 5000));
                break;
            default:
                request.Limit = Catalogs.Nanos(random.Spread(0, 9000));
                break;
        }

        if (random.Coin())
        {
            bool isOver = random.Below(6) == 0;
            request.ExpireTime = WallIn(tenant, isOver ? -random.Between(0, 3600) : random.Spread(1, 7200));
        }

        return new ExtendBudgetCommand(request, Caller);
    }

    private static Command Query(TenantModel tenant) => tenant.Random.Below(10) switch
    {
        0 => new BalanceQuery(AnySession(tenant), ""),
        1 => new SessionQuery(AnySession(tenant)),
        2 => new SessionsQuery(new ListSessionsRequest { PageSize = 3 }),
        3 => new CatalogQuery(),
        4 => new CredentialQuery(tenant.Credentials.Count == 0 ? 3 : tenant.Random.Any(tenant.Credentials)),
        5 => new CredentialsQuery(new ListCredentialsRequest { PageSize = 3 }),
        6 => new CredentialBookQuery(),
        8 => new ExtensionRequestsQuery(new ListExtensionRequestsRequest { PageSize = 3 }),
        7 => new DisputesQuery(new ListDisputesRequest { PageSize = 3 }),
        _ => new SpendSnapshotQuery(new SpendFilter { UseCase = $"useCases/{Catalogs.AnyUseCase(tenant)}" }),
    };

    private static long AnySession(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        if (tenant.Sessions.Count == 0 || random.Below(40) == 0) return random.Between(1, 9);
        bool isHot = tenant.World.Plan.IsHot && random.Below(10) > 0;
        return isHot ? tenant.Sessions[^1] : random.Any(tenant.Sessions);
    }

    // The latest are the likeliest; one of long ago is there as well.
    private static KnownHold AnyHold(TenantModel tenant) =>
        tenant.Holds[Math.Max(0, tenant.Holds.Count - 1 - (int)tenant.Random.Spread(0, 60))];

    private static string AnyPrincipal(SimRandom random) => random.Any(Principals);

    // Now and then somebody who does not hold it.
    private static string HolderOf(KnownHold hold, SimRandom random) =>
        random.Below(12) == 0 ? AnyPrincipal(random) : hold.Principal;

    private static long Misnamed(SimRandom random, long number) => random.Below(40) == 0 ? number + 1 : number;

    // What a caller's clock will say by then: that of the first silo is as right or wrong as any.
    private static Timestamp WallIn(TenantModel tenant, long seconds)
    {
        DateTime wall = new(tenant.World.Silos[0].Wall.NowTicks(tenant.World.Scheduler), DateTimeKind.Utc);
        return wall.AddSeconds(seconds).ToTimestamp();
    }

    private static Duration Seconds(long seconds) => new() { Seconds = seconds };
}
