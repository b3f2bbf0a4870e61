using System.Globalization;
using System.Text.Json.Nodes;
using AgentBudget.Api.Budgets.Providers;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Tests.Budgets;

/// <summary>
/// Reports at random, most of which contradict themselves, settled on a ledger, and the money that they come to against
/// an oracle. AGENTBUDGET_REPORTS says how many of each dialect, AGENTBUDGET_SEED tries one alone.
/// </summary>
public sealed class ReportMoneyTests
{
    private const long StartNanos = 1_795_000_000_000_000_000;
    private const long CallTokensMax = 1_000_000_000_000; // So that nothing is more than a call can be.
    private const int SessionCalls = 1_000;

    private static readonly int Reports = Number("AGENTBUDGET_REPORTS") ?? 10_000;

    // By name as the catalog's document has them; every one odd, so that lines round.
    private static readonly Dictionary<string, decimal> Rates = new()
    {
        ["input"] = 1_234_567_891,
        ["output"] = 7_654_321_987,
        ["cacheRead"] = 123_456_789,
        ["cacheWrite5m"] = 1_543_209_877,
        ["cacheWrite1h"] = 2_469_135_783,
        ["reasoning"] = 9_876_543_211,
        ["inputAudio"] = 3_141_592_653,
        ["outputAudio"] = 8_888_888_887,
        ["inputImage"] = 2_718_281_829,
        ["cacheReadAudio"] = 314_159_265,
        ["outputImage"] = 5_555_555_551,
    };

    // What each model multiplies output and reasoning by: embeddings have an output that is free.
    private static readonly Dictionary<string, decimal> Models = new() { ["chat"] = 1, ["embedding"] = 0 };

    private static readonly (string Name, decimal Multiplier)[] Tiers =
    [
        ("default", 1), ("flex", 0.5m), ("priority", 2.5m),
    ];

    public static TheoryData<string> Dialects => [.. ReportGrammar.All.Select(grammar => grammar.Name)];

    [Theory]
    [MemberData(nameof(Dialects))]
    public void A_report_is_never_refused_never_free_and_costs_what_the_oracle_says(string dialect)
    {
        ReportGrammar grammar = ReportGrammar.All.Single(grammar => grammar.Name == dialect);
        int? one = Number("AGENTBUDGET_SEED");
        var calls = new Calls();
        for (int seed = one ?? 1; seed <= (one ?? Reports); seed++)
        {
            var random = new Random(seed);
            string model = Models.Keys.ElementAt(random.Next(Models.Count));
            Trial trial = Make(random, grammar, model);

            ReservationSettled settled = calls.Settle(model, trial.Report, out UsageReading reading);

            string told = $"seed {seed}: {model} {trial.Report} settles {settled.CostNanos}: {trial.Nanos}";
            Assert.True(settled.CostNanos == trial.Nanos, told);
            Assert.True(settled.CostNanos > 0 || !trial.Pays, told);
            Assert.True(trial.Unknown.Order().SequenceEqual(reading.Unread.Order()), told);
        }
    }

    private sealed record Trial(string Report, decimal Nanos, bool Pays, IReadOnlyList<string> Unknown);

    private static Trial Make(Random random, ReportGrammar grammar, string model)
    {
        ReportOracle oracle = OracleOf(model);
        (string tier, decimal multiplier) = Tiers[random.Next(Tiers.Length)];
        bool isBody = grammar.Name == "bedrockInvoke" && random.Next(2) == 0;
        ReportGrammar own = isBody ? ReportGrammar.OfInvoked[random.Next(ReportGrammar.OfInvoked.Count)] : grammar;
        Dictionary<Fact, long> counts = own.Count(random);
        if (isBody && own.IncludesCache) counts.TryAdd(Fact.Prompt, 1); // By which it is known.
        JsonObject report = own.Write(random, counts);
        report["service_tier"] = tier;
        decimal nanos = oracle.CostOf(own, counts, multiplier);
        if (grammar.Name == "anthropic" && random.Next(3) == 0)
        {
            Dictionary<Fact, long>[] samplings =
                [.. Enumerable.Range(0, random.Next(4)).Select(_ => own.Count(random))];
            report["iterations"] = new JsonArray([.. samplings.Select(one => (JsonNode)own.Write(random, one))]);
            nanos = oracle.CostOf(own, counts, samplings, multiplier);
        }

        // Of embeddings the answer is free, and of the other model nothing is.
        bool pays = model == "chat" && counts.Count > 0;
        if (random.Next(10) == 0)
        {
            // What a router billed stands above the own price.
            decimal cost = random.Next(1, 1_000_000) / 1_000_000m;
            report["cost"] = cost;
            (nanos, pays) = (cost * 1_000_000_000, true);
        }

        List<string> unknown = AddUnknown(random, report);
        if (isBody) report = new JsonObject { ["usage"] = report };
        return new Trial(new JsonObject { [grammar.Name] = report }.ToJsonString(), nanos, pays, unknown);
    }

    private static List<string> AddUnknown(Random random, JsonObject report)
    {
        JsonNode?[] values = [null, 7, "text", true, new JsonObject { ["deep"] = 1 }, new JsonArray(1, 2)];
        var unknown = new List<string>();
        for (int number = random.Next(3); number > 0; number--)
        {
            JsonNode? value = values[random.Next(values.Length)]?.DeepClone();
            report[$"odd_{number}"] = value;
            if (value is not null) unknown.Add($"odd_{number}");
        }

        return unknown;
    }

    private static ReportOracle OracleOf(string model) => new(
        Rates.ToDictionary(rate => rate.Key, rate => RateOf(rate.Key, model)),
        SearchNanos: 10_000_000,
        SecondNanos: 100_000);

    private static decimal RateOf(string bucket, string model) =>
        bucket is "output" or "reasoning" ? Rates[bucket] * Models[model] : Rates[bucket];

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int number)
            ? number
            : null;

    /// <summary>A ledger, and calls on it one by one.</summary>
    private sealed class Calls
    {
        private readonly TenantLedger _ledger = new("acme");
        private long _session;
        private int _calls;
        private int _opened;

        public Calls()
        {
            var catalog = new Catalog { Tenant = "acme", Currency = "USD", TimeZone = "UTC" };
            catalog.BusinessUnits.Add(new BusinessUnit { Id = "b" });
            catalog.UseCases.Add(new UseCase { Id = "u", BusinessUnit = "b" });
            catalog.Agents.Add(new Agent { Id = "a", BusinessUnit = "b", UseCases = { "u" }, Models = { "*" } });
            catalog.Prices.Add(Models.Keys.Select(PriceOf));
            Send(new ApplyCatalogCommand(
                new ApplyCatalogRequest { RequestId = "apply", Document = "catalog" }, catalog, [], "admin"));
        }

        public ReservationSettled Settle(string model, string report, out UsageReading reading)
        {
            if (_calls++ % SessionCalls == 0) Open();
            FieldFaults faults = default;
            var commit = new CommitTokensRequest
            {
                RequestId = $"c{_calls}",
                ProviderUsage = JsonParser.Default.Parse<ProviderUsage>(report),
            };
            reading = UsageReports.Normalise(commit, ref faults);
            faults.ThrowIfAny();
            var reserve = new ReserveTokensRequest
            {
                RequestId = $"r{_calls}",
                Model = model,
                Estimate = new TokenEstimate { InputTokens = 1_000_000, MaxOutputTokens = 0 },
            };
            long held = Send(new ReserveCommand(_session, reserve)).Sequence;
            ReservationSettled settled = Send(new CommitCommand(_session, held, commit, reading)).ReservationSettled;
            // So many searches are a dispute, which suspends their session.
            if (settled.Disputed) Open();
            return settled;
        }

        private void Open() => _session = Send(new OpenSessionCommand(
            new OpenSessionRequest
            {
                RequestId = $"o{_opened++}",
                Agent = "agents/a",
                UseCase = "useCases/u",
                Unattended = true,
            },
            "admin")).Sequence;

        private LedgerEvent Send(Command command)
        {
            Answer answer = _ledger.Handle(command, StartNanos, []);
            Assert.Equal(Outcome.Done, answer.Outcome);
            return answer.Event!;
        }

        private static Price PriceOf(string model)
        {
            var price = new Price
            {
                Model = model,
                EffectiveFrom = new Timestamp(),
                FlexMultiplierPpm = 500_000,
                PriorityMultiplierPpm = 2_500_000,
                ContextTokens = CallTokensMax,
                MaxOutputTokens = CallTokensMax,
                Rates = new Rates
                {
                    Input = (long)RateOf("input", model),
                    Output = (long)RateOf("output", model),
                    CacheRead = (long)RateOf("cacheRead", model),
                    CacheWrite5M = (long)RateOf("cacheWrite5m", model),
                    CacheWrite1H = (long)RateOf("cacheWrite1h", model),
                    Reasoning = (long)RateOf("reasoning", model),
                    InputAudio = (long)RateOf("inputAudio", model),
                    OutputAudio = (long)RateOf("outputAudio", model),
                    InputImage = (long)RateOf("inputImage", model),
                    CacheReadAudio = (long)RateOf("cacheReadAudio", model),
                    OutputImage = (long)RateOf("outputImage", model),
                },
            };
            price.Units.Add(new UnitRate { Unit = "web_search", Rate = 10_000_000_000_000 });
            price.Units.Add(new UnitRate { Unit = "second", Rate = 100_000_000_000 });
            return price;
        }
    }
}
