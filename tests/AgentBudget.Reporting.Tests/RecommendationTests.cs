using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Recommendations;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Tests;

/// <summary>Each kind is planted once, with amounts by hand, beside a ledger that has it not.</summary>
public sealed class RecommendationTests
{
    private const long Unit = 1_000_000_000;

    // Nanos per million tokens: 1 and 0.1 units; reading 0.1, writing 1.25 of the input.
    private const long Dear = Unit;
    private const long Cheap = Unit / 10;

    private static readonly DateTimeOffset Start = Ledgers.At("2026-11-01T00:00:00Z");
    private static readonly DateTimeOffset End = Start.AddDays(30);

    private readonly List<LedgerEvent> _events = [];
    private readonly Catalog _catalog = CatalogOf();
    private DateTimeOffset _now = Start.AddDays(1);
    private int _sessions;

    [Fact]
    public void Short_outputs_go_to_the_cheaper_model_where_its_runs_succeed_no_less_surely()
    {
        for (int run = 0; run < 40; run++)
        {
            Run("dear", hasSucceeded: run % 10 != 0);
            Run("cheap", hasSucceeded: run % 10 != 0);
        }

        Recommendation told = Only(RecommendationKind.CheaperModel);

        Assert.Equal(("useCases/u", "dear", "cheap"), (told.Grain, told.Model, told.CheaperModel));
        // 40 calls of 1,000,000 in and 400 out: each 1.0004 at the one and 0.10004 at the other.
        Assert.Equal(40 * (1_000_400_000 - 100_040_000L), NanosOf(told));
        Assert.Equal(
            [("calls", 40L), ("cost_nanos", 40_016_000_000), ("cheaper_nanos", 4_001_600_000), ("runs", 40),
                ("succeeded_ppm", 900_000), ("cheaper_runs", 40), ("cheaper_succeeded_ppm", 900_000)],
            told.Numbers.Select(number => (number.Name, number.Value)));
    }

    [Theory]
    [InlineData(40, 0.5, 400)] // The cheaper one fails more.
    [InlineData(29, 1, 400)] // Too few runs with it.
    [InlineData(40, 1, 501)] // No short outputs.
    public void A_cheaper_model_that_is_worse_or_not_known_is_not_recommended(int runs, double share, long output)
    {
        for (int run = 0; run < 40; run++) Run("dear", hasSucceeded: true, output);
        for (int run = 0; run < runs; run++) Run("cheap", hasSucceeded: run < runs * share, output);

        Assert.DoesNotContain(Ask().Recommendations, told => told.Kind == RecommendationKind.CheaperModel);
    }

    [Fact]
    public void A_cache_that_is_written_and_hardly_read_costs_more_than_it_saves()
    {
        Spender session = Open();
        Call(session, "dear", (TokenBucket.Input, 1_000_000), (TokenBucket.CacheWrite5M, 8_000_000));
        Call(session, "dear", (TokenBucket.Input, 1_000_000), (TokenBucket.CacheRead, 1_000_000));

        Recommendation told = Only(RecommendationKind.CacheChurn);

        Assert.Equal((2 * Unit) - (Unit * 9 / 10), NanosOf(told)); // 8 × 0.25 written, 1 × 0.9 saved.
        Call(session, "dear", (TokenBucket.Input, 1), (TokenBucket.CacheRead, 2_000_000));
        Assert.DoesNotContain(Ask().Recommendations, one => one.Kind == RecommendationKind.CacheChurn);
    }

    [Fact]
    public void A_conversation_that_is_sent_again_would_be_read_from_a_cache()
    {
        Spender session = Open();
        Call(session, "dear", (TokenBucket.Input, 1_000_000), (TokenBucket.Output, 1_000));
        Call(session, "dear", (TokenBucket.Input, 2_000_000), (TokenBucket.Output, 1_000));
        _now = _now.AddSeconds(301);
        Call(session, "dear", (TokenBucket.Input, 9_000_000));

        Recommendation told = Only(RecommendationKind.CacheMore);

        // 1,001,000 again, 0.9 saved of each million; 1,000,000 and 999,000 written once at 0.25 more.
        Assert.Equal(900_900_000 - 499_750_000, NanosOf(told));
        Assert.Equal(1_001_000, told.Numbers.Single(number => number.Name == "repeated_tokens").Value);
    }

    [Fact]
    public void The_same_tool_with_the_same_arguments_costs_its_repetitions()
    {
        Spender session = Open();
        for (int call = 0; call < 3; call++)
            Call(session, "cheap", "search", "digest", (TokenBucket.Input, 20_000_000));
        Call(session, "cheap", "search", "another", (TokenBucket.Input, 20_000_000));
        Call(Open(), "cheap", "search", "digest", (TokenBucket.Input, 20_000_000));

        Recommendation told = Only(RecommendationKind.RepeatedCalls);

        Assert.Equal(("agents/a", 4 * Unit, 2L), (told.Grain, NanosOf(told), told.Numbers[0].Value));
    }

    [Fact]
    public void Failed_runs_cost_what_they_cost()
    {
        Run("cheap", hasSucceeded: false);
        Run("cheap", hasSucceeded: true);
        Run("dear", hasSucceeded: false);

        Recommendation told = Only(RecommendationKind.FailedRuns);

        Assert.Equal(1_000_400_000 + 100_040_000, NanosOf(told));
        Assert.Equal([3L, 2L], told.Numbers.Select(number => number.Value));
    }

    [Fact]
    public void Holds_that_idle_keep_on_average_what_they_do_not_settle()
    {
        Spender session = Open();
        long first = Hold(session, "cheap", 100 * Unit);
        _now = _now.AddDays(15);
        Settle(session, first, "cheap", (TokenBucket.Input, 400_000_000)); // 40 of 100 after half the period.
        _now = End;
        Add(session, new LedgerEvent { SessionOpened = new SessionOpened() });

        Recommendation told = Only(RecommendationKind.IdleHolds);

        Assert.Equal(30 * Unit, NanosOf(told));
        Assert.Equal(
            [("holds", 1L), ("average_held_nanos", 50 * Unit), ("limit_nanos", 100 * Unit), ("refused_that_fit", 0),
                ("p99_settled_by_held_ppm", 400_000)],
            told.Numbers.Select(number => (number.Name, number.Value)));
    }

    [Fact]
    public void A_budget_that_three_periods_did_not_use_is_too_large()
    {
        foreach (long units in (long[])[90, 10, 20, 30])
        {
            Add(null, new LedgerEvent
            {
                PeriodEnded = new PeriodEnded { Grain = "useCases/u", Window = "month", SettledNanos = units * Unit },
            });
        }

        Recommendation told = Only(RecommendationKind.UnusedBudget);

        Assert.Equal(("useCases/u", "month", 64 * Unit), (told.Grain, told.Window, NanosOf(told))); // 100 - 1.2 × 30.
    }

    [Fact]
    public void A_few_long_prompts_cost_above_the_ordinary_rates()
    {
        for (int call = 0; call < 9; call++) Call(Open(), "dear", (TokenBucket.Input, 1_000_000));
        Spender session = Open();
        long hold = Hold(session, "dear", Unit);
        Settle(session, hold, "dear", 200_000, (TokenBucket.Input, 3_000_000));

        Assert.Equal(3 * Unit, NanosOf(Only(RecommendationKind.LongContext)));
        Settle(session, Hold(session, "dear", Unit), "dear", 200_000, (TokenBucket.Input, 3_000_000));
        Assert.DoesNotContain(Ask().Recommendations, told => told.Kind == RecommendationKind.LongContext);
    }

    [Fact]
    public void Work_for_nobody_could_be_batches()
    {
        Call(Open(isUnattended: true), "dear", (TokenBucket.Input, 4_000_000));
        Call(Open(), "dear", (TokenBucket.Input, 4_000_000));

        Recommendation told = Only(RecommendationKind.Batch);

        Assert.Equal((2 * Unit, 1L), (NanosOf(told), told.Numbers[0].Value));
    }

    [Fact]
    public void Nothing_is_recommended_of_another_time_or_below_the_floor()
    {
        Call(Open(isUnattended: true), "dear", (TokenBucket.Input, 4_000_000));

        Assert.Empty(Ask(floorNanos: (2 * Unit) + 1).Recommendations);
        Assert.Single(Ask(floorNanos: 2 * Unit).Recommendations);
        Assert.Empty(Ask(start: End, end: End.AddDays(1)).Recommendations);
        Assert.Equal(4, Ask().Cost.Units);
        Assert.Equal(_events.Count, Ask().Sequence);
    }

    private static Catalog CatalogOf()
    {
        var budget = new Budget { Limit = new Money { Units = 100 }, Period = Period.Month };
        return new Catalog
        {
            Tenant = Ledgers.Tenant,
            Currency = "USD",
            UseCases = { new UseCase { Id = "u", Budget = budget, Downgrade = { ["dear"] = "cheap" } } },
            Prices = { PriceOf("dear", Dear), PriceOf("cheap", Cheap) },
        };
    }

    private static Price PriceOf(string model, long rate) => new()
    {
        Model = model,
        BatchMultiplierPpm = 500_000,
        Rates = new Rates { Input = rate, Output = rate, CacheRead = rate / 10, CacheWrite5M = rate * 5 / 4 },
    };

    private static long NanosOf(Recommendation told) => (told.Amount.Units * Unit) + told.Amount.Nanos;

    private Recommendation Only(RecommendationKind kind) => Ask().Recommendations.Single(told => told.Kind == kind);

    private GetRecommendationsResponse Ask(
        DateTimeOffset? start = null, DateTimeOffset? end = null, long floorNanos = 1)
    {
        var facts = new RecommendationFacts(
            Timestamp.FromDateTimeOffset(start ?? Start), Timestamp.FromDateTimeOffset(end ?? End));
        foreach (LedgerEvent ledgerEvent in _events) facts.Accept(ledgerEvent);
        return facts.Finish(_catalog, End, floorNanos);
    }

    private void Run(string model, bool hasSucceeded, long output = 400)
    {
        Spender session = Open();
        Call(session, model, (TokenBucket.Input, 1_000_000), (TokenBucket.Output, output));
        Outcome.Types.Status status = hasSucceeded ? Outcome.Types.Status.Success : Outcome.Types.Status.Failure;
        Add(session, new LedgerEvent { SessionEnded = new SessionEnded { Outcome = new Outcome { Status = status } } });
    }

    private Spender Open(bool isUnattended = false)
    {
        var session = new Spender
        {
            Session = $"sessions/s{++_sessions}",
            Agent = "agents/a",
            UseCase = "useCases/u",
        };
        Add(session, new LedgerEvent { SessionOpened = new SessionOpened { Unattended = isUnattended } });
        return session;
    }

    private void Call(Spender session, string model, params (TokenBucket Bucket, long Tokens)[] tokens) =>
        Call(session, model, "", "", tokens);

    private void Call(
        Spender session, string model, string tool, string digest, params (TokenBucket Bucket, long Tokens)[] tokens) =>
        Settle(session, Hold(session, model, Unit, tool, digest), model, tokens);

    private long Hold(Spender session, string model, long nanos, string tool = "", string digest = "")
    {
        var held = new ReservationHeld { Model = model, CostNanos = nanos, Tool = tool, ToolArgumentsDigest = digest };
        Add(session, new LedgerEvent { ReservationHeld = held });
        return _events.Count;
    }

    private void Settle(
        Spender session, long hold, string model, params (TokenBucket Bucket, long Tokens)[] tokens) =>
        Settle(session, hold, model, above: 0, tokens);

    // Above a threshold everything costs twice.
    private void Settle(
        Spender session, long hold, string model, long above, params (TokenBucket Bucket, long Tokens)[] tokens)
    {
        var settled = new ReservationSettled { Reservation = hold, Model = model, Final = true };
        foreach ((TokenBucket bucket, long count) in tokens)
        {
            long rate = (model == "dear" ? Dear : Cheap) * (above > 0 ? 2 : 1);
            rate = bucket switch
            {
                TokenBucket.CacheRead => rate / 10,
                TokenBucket.CacheWrite5M => rate * 5 / 4,
                _ => rate,
            };
            long nanos = count * (rate / 1_000_000);
            settled.Lines.Add(new ChargeLine
            {
                Bucket = bucket,
                Tokens = count,
                Rate = rate,
                CostNanos = nanos,
                AboveTokens = above,
            });
            settled.CostNanos += nanos;
        }

        Add(session, new LedgerEvent { ReservationSettled = settled });
    }

    private void Add(Spender? spender, LedgerEvent ledgerEvent)
    {
        ledgerEvent.Sequence = _events.Count + 1;
        ledgerEvent.Time = Timestamp.FromDateTimeOffset(_now);
        ledgerEvent.Spender = spender;
        _events.Add(ledgerEvent);
    }
}
