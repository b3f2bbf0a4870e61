using AgentBudget.Ledger;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using static AgentBudget.Audit.Tests.AuditedLedger;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Audit.Tests;

/// <summary>
/// Drives the real ledger with random commands from one seed: small budgets, time that jumps over expiries and
/// periods, request ids that repeat, catalogs that change under way.
/// </summary>
internal sealed partial class RandomLedger(int seed)
{
    private static readonly string[] Models = [Haiku, Sonnet, "sonnet-latest", "flash", "unknown"];
    private static readonly string[] Tools = ["", "", "crm.read", "search.web", "billing.pay"];
    private static readonly string[] Extended =
        ["useCases/promo", "useCases/plan", "agents/writer", "businessUnits/marketing", "tenants/acme", .. Parts];

    private static readonly Period[] Periods =
        [
            Period.None, Period.Hour, Period.Day, Period.Week, Period.Month, Period.Quarter, Period.Rolling,
            Period.Year,
        ];

    private readonly Random _random = new(seed);
    private readonly Random _loops = new(~seed);
    private readonly Random _bindings = new(seed + 1_000_000);
    private readonly List<long> _sessions = [];
    private readonly List<long> _credentials = [];
    private readonly List<(long Session, long Number)> _holds = [];

    public AuditedLedger Ledger { get; } = new(catalog => Vary(catalog, new Random(seed)));

    /// <summary>Answers by outcome and fact, to see that a run reached what it should.</summary>
    public SortedDictionary<string, int> Reached { get; } = new(StringComparer.Ordinal);

    public void Run(int commands)
    {
        for (int command = 0; command < commands; command++)
        {
            if (_random.Next(5) == 0) Ledger.Advance(NextStep());
            else Act();
        }
    }

    private TimeSpan NextStep() => _random.Next(40) switch
    {
        0 => TimeSpan.FromDays(_random.Next(1, 20)),
        < 4 => TimeSpan.FromHours(_random.Next(1, 12)),
        < 20 => TimeSpan.FromMinutes(_random.Next(1, 20)),
        _ => TimeSpan.FromMilliseconds(_random.Next(0, 30_000)),
    };

    private void Act()
    {
        switch (_sessions.Count == 0 ? -1 : _random.Next(100))
        {
            case < 6:
                Open();
                break;
            case < 44:
                Reserve();
                break;
            case < 50:
                Record();
                break;
            case < 76:
                Commit();
                break;
            case < 82:
                Amend();
                break;
            case < 90:
                Release();
                break;
            case < 92:
                Send(new RenewSessionCommand(AnySession(), new RenewSessionRequest { RequestId = NextId() }, "admin"));
                break;
            case < 94:
                Send(new EndSessionCommand(AnySession(), new EndSessionRequest { RequestId = NextId() }, "admin"));
                break;
            case < 95:
                Send(new RevokeSessionCommand(
                    AnySession(), new RevokeSessionRequest { RequestId = NextId(), Reason = "leaked" }, "admin"));
                break;
            case < 96:
                Suspend();
                break;
            case < 97:
                if (_random.Next(3) == 0) Correct();
                else if (_random.Next(2) == 0) AskForMore();
                else Extend();
                break;
            case < 98:
                ActOnIdentity();
                break;
            default:
                if (_random.Next(2) == 0) Patch();
                else Apply();
                break;
        }
    }

    private void Open()
    {
        var request = new OpenSessionRequest
        {
            RequestId = NextId(),
            Agent = Any(["agents/writer", "agents/other", "agents/spare"]),
            UseCase = Any(["useCases/promo", "useCases/plan"]),
            Unattended = true,
        };
        if (_random.Next(3) == 0) request.Tags.Add("customer", Any(["k1", "k2"]));
        if (_random.Next(3) == 0)
        {
            request.Ceilings = new Ceilings
            {
                CostPerSession = Dollars(_random.Next(1, 40) / 100m),
                TokensPerSession = _random.Next(1, 60) * 1000,
                StepsPerSession = _random.Next(0, 30),
                ToolCallsPerSession = _random.Next(0, 8),
                OpenHolds = _random.Next(0, 6),
                TokensPerRequest = _random.Next(1, 40) * 1000,
            };
        }

        long parent = _sessions.Count > 0 && _random.Next(2) == 0 ? AnySession() : 0;
        Confirmation? confirmation = _bindings.Next(6) switch
        {
            0 => new Confirmation { CertificateSha256 = new string(_bindings.Next(2) == 0 ? 'c' : 'd', 43) },
            1 => new Confirmation { KeyThumbprint = new string('k', 43) },
            _ => null,
        };
        SessionOrigin? origin = Origin(request);
        Answer answer = Send(new OpenSessionCommand(request, "admin", parent, confirmation, origin));
        if (answer.Event?.SessionOpened is not null) _sessions.Add(answer.Event.Sequence);
    }

    private void Reserve()
    {
        if (_random.Next(10) == 0)
        {
            var authorize = new AuthorizeToolRequest { RequestId = NextId(), Tool = Any(Tools[2..]) };
            authorize.ToolArgumentsDigest = Any(["", "a", "a", "b"]);
            Send(new AuthorizeToolCommand(AnySession(), authorize));
            return;
        }

        var request = new ReserveTokensRequest
        {
            RequestId = NextId(),
            Model = Any(Models),
            Tool = Any(Tools),
            ToolArgumentsDigest = Any(["", "a", "a", "b"]),
            Estimate = new TokenEstimate
            {
                InputTokens = _random.Next(1, 30_000),
                MaxOutputTokens = _random.Next(0, 4000),
                CacheReadTokens = _random.Next(0, 3) == 0 ? _random.Next(0, 9999) : 0,
                ReasoningTokens = _random.Next(0, 20) == 0 ? 7 : 0,
                InputImageTokens = _random.Next(0, 20) == 0 ? 7 : 0,
            },
            Ttl = _random.Next(2) == 0 ? null : Duration.FromTimeSpan(TimeSpan.FromSeconds(_random.Next(1, 3600))),
            OnExpiry = (OnExpiry)_random.Next(0, 3),
            ServiceTier = (ServiceTier)_random.Next(0, 5),
            Region = _random.Next(4) == 0 ? "eu" : "",
            DryRun = _random.Next(20) == 0,
        };
        if (_random.Next(3) == 0) request.Tags.Add("customer", Any(["k1", "k2", "k3"]));
        AddItems(request.Estimate.Items);
        if (request.Estimate.Items.Count > 0 && _random.Next(3) == 0)
        {
            var items = new TokenEstimate { Items = { request.Estimate.Items } };
            (request.Model, request.Estimate) = ("", items);
        }

        long session = AnySession();
        Answer answer = Send(new ReserveCommand(session, request));
        if (answer.Event is { ReservationHeld: not null, Sequence: > 0 }) _holds.Add((session, answer.Event.Sequence));
        // Some loop on what is refused.
        if (answer.Event?.ReservationRefused is null || _loops.Next(200) > 0) return;
        for (int time = 0; time < 30; time++)
        {
            request = request.Clone();
            request.RequestId = Ledger.NextRequestId();
            Send(new ReserveCommand(session, request));
        }
    }

    private void Commit()
    {
        if (_holds.Count == 0) return;
        (long session, long number) = AnyHold();
        var request = new CommitTokensRequest
        {
            RequestId = NextId(),
            Usage = new TokenUsage
            {
                InputTokens = _random.Next(0, 32_000),
                OutputTokens = _random.Next(0, 5000),
                ReasoningTokens = _random.Next(0, 9) == 0 ? _random.Next(0, 900) : 0,
                CacheWrite1HTokens = _random.Next(0, 9) == 0 ? 11 : 0,
            },
            Model = _random.Next(3) == 0 ? Any(Models) : "",
        };
        if (_random.Next(4) == 0) request.Final = false;
        request.Cumulative = number % 3 == 0;
        AddItems(request.Usage.Items);
        if (_random.Next(9) == 0) request.Usage = new TokenUsage { Items = { request.Usage.Items } };
        while (_random.Next(4) == 0)
        {
            var sampled = new TokenUsage { InputTokens = _random.Next(0, 9000), CacheReadAudioTokens = 3 };
            request.Parts.Add(new UsagePart { Model = _random.Next(2) == 0 ? Any(Models) : "", Usage = sampled });
        }

        if (_random.Next(6) == 0) request.BilledCost = Dollars(_random.Next(0, 90) / 1000m);
        if (_random.Next(3) == 0) request.ServiceTier = (ServiceTier)_random.Next(0, 5);
        if (_random.Next(6) == 0) request.Region = Any(["eu", "nowhere"]);
        var reading = _random.Next(3) > 0 ? null : new UsageReading
        {
            Unread = { "odd" },
            Cost = _random.Next(3) == 0 ? Dollars(0.01m) : null,
            ServiceTier = (ServiceTier)_random.Next(0, 5),
            Region = Any(["", "eu"]),
        };
        // Now and then somebody says what no call can have used.
        if (_bindings.Next(60) == 0) request.Usage.InputTokens = 900_000_000;
        Follow(Send(new CommitCommand(session, number, request, reading)));
    }

    private void Record()
    {
        var request = new RecordCostRequest { RequestId = NextId(), Sku = Any([Minute, Search, "nothing"]) };
        request.ToolArgumentsDigest = Any(["", "a"]);
        if (_random.Next(3) > 0) request.Quantity = _random.Next(1, 40_000_000) / 1_000_000d;
        if (_random.Next(3) == 0) request.Tags.Add("customer", Any(["k1", "k2", "k3"]));
        Send(new RecordCostCommand(AnySession(), request));
    }

    private void AddItems(RepeatedField<CountedItem> items)
    {
        if (_random.Next(5) > 0) return;
        items.Add(new CountedItem { Sku = Any([Minute, Search]), Count = _random.Next(1, 9) });
        if (_random.Next(9) == 0) items.Add(new CountedItem { Sku = "nothing", Count = 1 });
    }

    private void Amend()
    {
        if (_holds.Count == 0) return;
        (long session, long number) = AnyHold();
        var request = new AmendReservationRequest { RequestId = NextId() };
        if (_random.Next(2) == 0) request.Model = Any(Models);
        if (_random.Next(2) == 0) request.Estimate = AuditedLedger.Input(_random.Next(1, 60_000));
        if (_random.Next(2) == 0)
            request.Ttl = Duration.FromTimeSpan(TimeSpan.FromSeconds(_random.Next(1, 86_400)));
        Send(new AmendCommand(session, number, request));
    }

    private void Release()
    {
        if (_holds.Count == 0) return;
        (long session, long number) = AnyHold();
        Send(new ReleaseCommand(session, number, new ReleaseTokensRequest { RequestId = NextId() }));
    }

    private void Suspend()
    {
        long session = AnySession();
        bool isWholeRun = _random.Next(3) == 0;
        switch (_random.Next(4))
        {
            case 0:
                Send(new SuspendSessionCommand(
                    session,
                    new SuspendSessionRequest { RequestId = NextId(), Reason = "odd", WholeRun = isWholeRun },
                    "owner"));
                // Most sessions are over before they are met again, so some are resumed at once.
                if (_random.Next(2) == 0) Resume(session, isWholeRun);
                break;
            case 1:
                var reset = new ResetBreakerRequest { RequestId = NextId(), Reason = "mended" };
                reset.Grain = $"sessions/s{session}";
                Send(new ResetBreakerCommand(reset, "owner"));
                break;
            default:
                Resume(session, isWholeRun);
                break;
        }
    }

    private void Resume(long session, bool isWholeRun) => Send(new ResumeSessionCommand(
        session,
        new ResumeSessionRequest { RequestId = NextId(), Reason = "fine", WholeRun = isWholeRun },
        "owner"));

    private void Extend()
    {
        var request = new ExtendBudgetRequest
        {
            RequestId = NextId(),
            Grain = Any(Extended),
            Reason = "more",
        };
        if (_random.Next(3) == 0) request.Window = Any(["day", "week", "month", "none"]);
        if (_random.Next(2) == 0) request.Amount = Dollars(_random.Next(1, 30) / 100m);
        else request.Limit = Dollars(_random.Next(0, 200) / 100m);
        if (_random.Next(2) == 0)
            request.ExpireTime = LogTime.ToTimestamp(Ledger.Now + (_random.Next(1, 200_000) * LogTime.NanosPerSecond));
        Send(new ExtendBudgetCommand(request, "admin"));
    }

    private void Apply()
    {
        Catalog catalog = Catalog();
        Vary(catalog, _random);
        Send(new ApplyCatalogCommand(
            new ApplyCatalogRequest { RequestId = NextId(), Document = catalog.ToString() }, catalog, [], "admin"));
    }

    // A part of a varied catalog, put alone; sometimes what is left of it removed.
    private void Patch()
    {
        Catalog varied = Catalog();
        Vary(varied, _random);
        var put = new Catalog();
        if (_random.Next(2) == 0) put.Agents.Add(varied.Agents);
        if (_random.Next(2) == 0) put.UseCases.Add(varied.UseCases);
        if (_random.Next(2) == 0) put.BusinessUnits.Add(varied.BusinessUnits);
        if (_random.Next(3) == 0) put.Prices.Add(varied.Prices);
        string[] remove = _random.Next(3) == 0 ? [Any([Writer, Promo, "skus/" + Minute, "agents/other"])] : [];
        var request = new PatchCatalogRequest { RequestId = NextId(), Document = $"{put} {string.Join(' ', remove)}" };
        Send(new PatchCatalogCommand(request, put, remove, [], "admin"));
    }

    private Answer Send(Command command)
    {
        Answer answer = Ledger.Send(command);
        Count(answer.Outcome == Outcome.Done ? $"{answer.Event?.FactCase}" : $"{answer.Outcome}");
        return answer;

        void Count(string name) => Reached[name] = Reached.GetValueOrDefault(name) + 1;
    }

    // Sometimes an id that was used: often with other content, so it is refused; with the same, it has one effect.
    private string NextId() => _random.Next(12) == 0 ? "request-7" : Ledger.NextRequestId();

    private long AnySession() => _sessions[Math.Max(0, _sessions.Count - 1 - _random.Next(_random.Next(1, 12)))];

    private (long Session, long Number) AnyHold() =>
        _holds[Math.Max(0, _holds.Count - 1 - _random.Next(_random.Next(1, 30)))];

    private T Any<T>(T[] items) => items[_random.Next(items.Length)];

    private static void Vary(Catalog catalog, Random random)
    {
        UseCase promo = catalog.UseCases[0];
        promo.Budget = BudgetOf(random, 60, promo.FurtherBudgets);
        promo.AllowWithoutCheaperModel = random.Next(2) == 0;
        if (random.Next(3) == 0)
        {
            promo.Budget.Tiers.Add(
            [
                new Tier { AtPercent = random.Next(10, 60), Notify = { "owner" } },
                new Tier { AtPercent = 90, Action = TierAction.Downgrade },
                new Tier { AtPercent = random.Next(91, 200), Action = TierAction.Refuse },
            ]);
        }

        var plan = new UseCase { Id = "plan", BusinessUnit = "marketing", Budget = BudgetOf(random, 200) };
        if (random.Next(3) > 0) catalog.UseCases.Add(plan);
        catalog.Agents[0].UseCases.Add(catalog.UseCases.Skip(1).Select(useCase => useCase.Id));
        catalog.Agents[0].Models.Add("flash");
        Agent writer = catalog.Agents[0];
        writer.Budget = random.Next(2) == 0 ? null : BudgetOf(random, 150, writer.FurtherBudgets);
        catalog.Agents[0].SessionTtl = Duration.FromTimeSpan(TimeSpan.FromMinutes(random.Next(10, 2000)));
        Agent other = catalog.Agents[0].Clone();
        other.Id = "other";
        other.Ceilings = new Ceilings { StepsPerSession = random.Next(1, 40), OpenHolds = random.Next(1, 8) };
        other.Ceilings.Run = new RunCeilings { ConcurrentSubagents = random.Next(1, 8), Depth = random.Next(0, 4) };
        if (random.Next(2) == 0) other.Ceilings.Run.Cost = Dollars(random.Next(1, 30) / 100m);
        if (random.Next(2) == 0) other.Ceilings.Run.Subagents = random.Next(1, 12);
        other.Breakers = BreakersOf(random);
        if (random.Next(4) > 0) catalog.Agents.Add(other);
        Agent spare = catalog.Agents[0].Clone();
        spare.Id = "spare";
        catalog.Agents.Add(spare);
        DelegateToAll(catalog);
        catalog.BusinessUnits[0].Budget = random.Next(2) == 0 ? null : BudgetOf(random, 300);
        catalog.Budget = random.Next(2) == 0 ? null : BudgetOf(random, 400);
        catalog.Tags["customer"].Required = random.Next(6) == 0;
        if (random.Next(2) == 0) catalog.Tags["customer"].Values.Add(["k1", "k2"]);
        VaryPrices(catalog, random);
        VaryParts(catalog, random);
        VaryHours(catalog, random);
    }

    private static Breakers BreakersOf(Random random)
    {
        var breakers = new Breakers
        {
            SameToolCall = Counting(5),
            StepsWithoutOutcome = Counting(40),
            Refusals = Counting(12),
        };
        if (random.Next(2) > 0) return breakers;
        breakers.BurnRate = new BurnBreaker { CostPerMinute = Dollars(random.Next(1, 20) / 100m) };
        if (random.Next(2) > 0) breakers.BurnRate.Mode = BreakerMode.Observe;
        return breakers;

        CountBreaker? Counting(int timesMax) => random.Next(2) == 0
            ? null
            : new CountBreaker
            {
                Times = random.Next(2, timesMax),
                Mode = (BreakerMode)random.Next(0, 3),
                Suspends = (BreakerReach)random.Next(0, 3),
            };
    }

    private static void VaryPrices(Catalog catalog, Random random)
    {
        catalog.Prices.Add(Price("flash", input: 0.018750m, output: 0.3333m));
        if (random.Next(2) == 0) return;
        Price sonnet = catalog.Prices[0];
        sonnet.Aliases.Add("sonnet-latest");
        sonnet.Rates.CacheRead = random.Next(1, 1_000_000_000);
        sonnet.BatchMultiplierPpm = random.Next(1, 1_000_000);
        if (random.Next(2) == 0) sonnet.PriorityMultiplierPpm = random.Next(1_000_000, 3_000_000);
        if (random.Next(2) == 0) sonnet.FlexMultiplierPpm = random.Next(1, 1_000_000);
        Price european = sonnet.Clone();
        european.Region = "eu";
        if (random.Next(2) == 0) european.ServiceTier = (ServiceTier)random.Next(1, 5);
        european.ClearBatchMultiplierPpm();
        european.ClearPriorityMultiplierPpm();
        european.ClearFlexMultiplierPpm();
        european.Rates.Input += random.Next(1, 1000);
        catalog.Prices.Add(european);
        catalog.Skus[0].Cost.Nanos += random.Next(0, 1000);
        sonnet.LongContext = new() { AboveTokens = 20_000, Rates = new() { Input = random.Next(1, 2_000_000) } };
        Price later = sonnet.Clone();
        later.EffectiveFrom = Start.AddDays(random.Next(1, 20)).ToTimestamp();
        later.Rates.Output += random.Next(1, 1000);
        catalog.Prices.Add(later);
    }
}
