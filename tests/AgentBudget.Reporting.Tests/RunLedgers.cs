using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Tests;

/// <summary>Ledgers of runs: random ones from a seed, and single events by hand.</summary>
internal sealed class RunLedgers
{
    private static readonly string[] Metrics = ["quotes", "hours", "leads"];

    private readonly List<LedgerEvent> _events = [];
    private readonly Dictionary<string, Spender> _roots = new(StringComparer.Ordinal);
    private DateTimeOffset _time = Ledgers.At("2026-10-20T00:00:00Z");

    public List<LedgerEvent> Events => _events;

    /// <summary>The time of the next event.</summary>
    public DateTimeOffset Time => _time;

    /// <summary>
    /// Runs of several use cases with subagents of others: spend before the end and after, costs, outcomes with and
    /// without metrics, runs that never end, catalogs with other baselines on the way.
    /// </summary>
    public static List<LedgerEvent> Random(int seed, int count)
    {
        var random = new Random(seed);
        var ledger = new RunLedgers();
        ledger.Catalog(("u0", "quotes", 120), ("u0", "hours", 0.5), ("u1", "quotes", 7));
        var open = new List<string>();
        int runs = 0;
        while (ledger.Events.Count < count)
        {
            ledger.Advance(TimeSpan.FromMilliseconds(random.Next(0, 900_000)));
            string? run = open.Count > 0 ? open[random.Next(open.Count)] : null;
            switch (random.Next(0, 12))
            {
                case 0:
                    ledger.Catalog(("u0", "quotes", random.Next(0, 200) / 8.0), ("u2", "hours", random.Next(-9, 9)));
                    break;
                case 1 or 2 or 3 or 4 when run is not null:
                    ledger.Settle(run, random.NextInt64(10_000_000_000), random.Next(0, 3) == 0);
                    break;
                case 5 when run is not null:
                    ledger.Record(run, random.Next(0, 9_999));
                    break;
                case 6 when run is not null:
                    ledger.End(run, OutcomeOf(random));
                    open.Remove(run);
                    if (random.Next(0, 4) == 0) ledger.Settle(run, random.Next(1, 99)); // Late.
                    break;
                default:
                    ledger.Open(runs, $"u{random.Next(0, 4)}", $"a{random.Next(0, 3)}", $"b{random.Next(0, 2)}");
                    open.Add($"sessions/s{runs++}");
                    break;
            }
        }

        return ledger.Events;
    }

    public void Advance(TimeSpan time) => _time += time;

    public void Catalog(params (string UseCase, string Metric, double Baseline)[] baselines)
    {
        var catalog = new Catalog { Tenant = Ledgers.Tenant, Currency = "USD", TimeZone = "UTC" };
        foreach (IGrouping<string, (string UseCase, string Metric, double Baseline)> useCase in
            baselines.GroupBy(baseline => baseline.UseCase))
        {
            var added = new UseCase { Id = useCase.Key };
            foreach ((_, string metric, double baseline) in useCase)
                added.Outcomes[metric] = new OutcomeRule { Baseline = baseline };
            catalog.UseCases.Add(added);
        }

        Add(new LedgerEvent { CatalogApplied = new CatalogApplied { Catalog = catalog } });
    }

    public string Open(int number, string useCase = "u0", string agent = "a0", string businessUnit = "b0")
    {
        var root = new Spender
        {
            Session = $"sessions/s{number}",
            UseCase = "useCases/" + useCase,
            Agent = "agents/" + agent,
            BusinessUnit = "businessUnits/" + businessUnit,
        };
        _roots[root.Session] = root;
        Add(new LedgerEvent { Spender = root, SessionOpened = new SessionOpened() });
        return root.Session;
    }

    /// <param name="run">The root.</param>
    /// <param name="costNanos">What is charged.</param>
    /// <param name="isBelow">Charged by a subagent, of another agent and use case.</param>
    public void Settle(string run, long costNanos, bool isBelow = false) => Add(new LedgerEvent
    {
        Spender = isBelow ? Below(run) : _roots[run],
        ReservationSettled = new ReservationSettled { CostNanos = costNanos, Model = "haiku" },
    });

    public void Record(string run, long costNanos) => Add(new LedgerEvent
    {
        Spender = _roots[run],
        CostRecorded = new CostRecorded { Sku = "sandbox", CostNanos = costNanos, QuantityMillionths = 1 },
    });

    public void End(string run, Outcome? outcome, bool isBelow = false) => Add(new LedgerEvent
    {
        Spender = isBelow ? Below(run) : _roots[run],
        SessionEnded = new SessionEnded { State = Session.Types.State.Ended, Outcome = outcome },
    });

    public static Outcome Success(params (string Metric, double Value)[] metrics)
    {
        var outcome = new Outcome { Status = Outcome.Types.Status.Success };
        foreach ((string metric, double value) in metrics) outcome.Metrics[metric] = value;
        return outcome;
    }

    private static Outcome? OutcomeOf(Random random)
    {
        if (random.Next(0, 6) == 0) return null; // Expired, or ended without a word.
        var outcome = new Outcome { Status = (Outcome.Types.Status)random.Next(0, 3) };
        foreach (string metric in Metrics.Where(_ => random.Next(0, 2) == 0))
            outcome.Metrics[metric] = random.Next(0, 2) == 0 ? random.Next(0, 300) : random.Next(0, 3_000) / 10.0;
        return outcome;
    }

    private static Spender Below(string run) => new()
    {
        Session = run + "x", // No other has such a name.
        UseCase = "useCases/u9",
        Agent = "agents/a9",
        BusinessUnit = "businessUnits/b9",
        Parent = run,
        Run = run,
    };

    private void Add(LedgerEvent ledgerEvent)
    {
        ledgerEvent.Sequence = _events.Count + 1;
        ledgerEvent.Time = Timestamp.FromDateTimeOffset(_time);
        _events.Add(ledgerEvent);
    }
}
