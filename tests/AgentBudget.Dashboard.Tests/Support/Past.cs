using AgentBudget.Ledger;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Sqlite;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging.Abstractions;
using Outcome = AgentBudget.Protocol.V1.Outcome;

namespace AgentBudget.Dashboard.Tests.Support;

/// <summary>
/// A hundred days of three agents in two units, as the real ledger writes them, put into a store before a silo starts.
/// The writer's promo has one run three days ago with 400 subagents and eight times the cost; it hands work to the
/// sellers' leads once a week, and both have their users in common. Leads runs out in about eight days, fails now and
/// then, and is worth less than it costs. Support uses little of its budget.
/// </summary>
internal sealed class Past
{
    public const int Days = 100;
    public const int RunawaySubagents = 400;
    public const string Hostile = "\"><img src=x onerror=window.xss=1><script>window.xss=1</script>";
    public const string HostileModel = "<img/src=x/onerror=window.xss=1>";

    private const string Tenant = "acme";
    private const string Writer = "agents/writer";
    private const string Seller = "agents/seller";
    private const string Helper = "agents/helper";
    private const string Promo = "useCases/promo";
    private const string Ads = "useCases/ads";
    private const string Leads = "useCases/leads";
    private const string Support = "useCases/support";
    private const int RunawayDay = Days - 3;
    private const int EventsPerGroup = 512;
    private const long NanosPerToken = 1_000; // One a million tokens.
    private const decimal LeadsDay = 27m;
    private const decimal LeadsDaysLeft = 8;

    private readonly TenantLedger _ledger = new(Tenant);
    private readonly List<LedgerEvent> _journal = [];
    private readonly Random _random = new(20);
    private readonly DateTime _start;
    private long _now;
    private int _requests;

    public Past(DateTime today)
    {
        _start = today.Date.AddDays(-Days);
        MoveTo(_start);
        Apply(leadsLimit: 1_000_000m);
        for (int day = 0; day < Days; day++) AddDay(day);
        decimal spent = _journal.Where(told => told.Spender?.UseCase == Leads && told.ReservationSettled is not null)
            .Sum(told => told.ReservationSettled.CostNanos) / 1_000_000_000m;
        Apply(leadsLimit: decimal.Round(spent + (LeadsDay * LeadsDaysLeft)));
    }

    /// <summary>The root of the run that ran away.</summary>
    public string Runaway { get; private set; } = "";

    /// <summary>Writes it all down where a silo will find it.</summary>
    public async Task WriteAsync(string folder)
    {
        await using SqliteStore store = SqliteStore.Open(
            new SqliteStoreOptions { Folder = folder, OnFailed = failure => throw failure },
            NullLoggerFactory.Instance);
        long epoch = await store.AcquireAsync(Tenant, CancellationToken.None);
        JournalHead head = await store.ReadHeadAsync(Tenant, CancellationToken.None);
        foreach (LedgerEvent[] events in _journal.Chunk(EventsPerGroup))
        {
            using JournalGroup group = new(Tenant);
            foreach (byte[] bytes in events.Select(told => told.ToByteArray()))
                bytes.CopyTo(group.AddEvent(bytes.Length));
            group.Seal(head, epoch);
            Completion completion = new();
            store.BeginAppend(group, completion);
            Assert.Equal(AppendOutcome.Appended, await completion.Task);
            head = group.Head;
        }
    }

    private void AddDay(int day)
    {
        DateTime date = _start.AddDays(day);
        decimal part = date.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday ? 0.3m : 1;
        foreach (int hour in (int[])[8, 12, 16])
        {
            string user = $"user:kim{day % 6}@acme.test";
            MoveTo(date.AddHours(hour));
            string useCase = hour == 16 && day % 3 == 1 ? Ads : Promo;
            if (day == RunawayDay && hour == 12) RunAway(user);
            else Run(Writer, useCase, user, 20m * part, below: day % 7 == 0 ? Leads : "");
            MoveTo(date.AddHours(hour).AddMinutes(20));
            Run(Seller, Leads, user, LeadsDay / 3 * 1.25m * part, isFailed: (day + hour) % 10 == 0);
            MoveTo(date.AddHours(hour).AddMinutes(40));
            Run(
                Helper, hour == 8 && day % 5 == 0 ? Promo : Support, $"user:c{(day * 3) + hour}@customer.test",
                2m * part);
        }
    }

    private void Run(
        string agent, string useCase, string user, decimal cost, string below = "", bool isFailed = false)
    {
        decimal whole = cost * (decimal)Math.Exp((_random.NextDouble() - 0.5) * 0.4);
        long root = Open(agent, useCase, user);
        Spend(root, "m", whole * 0.5m);
        Spend(root, useCase == Ads ? HostileModel : "small", whole * 0.25m);
        long child = below.Length > 0 ? Open(Seller, below, "", root) : Open(agent, useCase, "", root);
        Spend(child, "m", whole * 0.25m);
        Outcome outcome = new()
        {
            Status = isFailed ? Outcome.Types.Status.Failure : Outcome.Types.Status.Success,
        };
        if (useCase == Promo) outcome.Metrics["quotesBound"] = 4;
        if (useCase == Promo) outcome.Metrics[Hostile[..20]] = 1;
        if (useCase == Leads) outcome.Metrics["dealsWon"] = isFailed ? 0 : 1;
        End(root, outcome);
    }

    private void RunAway(string user)
    {
        long root = Open(Writer, Promo, user);
        Runaway = $"sessions/s{root}";
        Spend(root, "m", 20m);
        for (int subagent = 0; subagent < RunawaySubagents; subagent++)
            Spend(Open(Writer, Promo, "", root), "m", 1.2m);
        End(root, new Outcome { Status = Outcome.Types.Status.Success, Metrics = { ["quotesBound"] = 4 } });
    }

    private long Open(string agent, string useCase, string user, long parent = 0)
    {
        OpenSessionRequest request = new()
        {
            RequestId = NextId(),
            Agent = agent,
            UseCase = useCase,
            OnBehalfOf = user,
            Task = Hostile,
        };
        if (parent == 0) request.Tags["customer"] = useCase == Promo ? Hostile : "acme";
        return Done(new OpenSessionCommand(request, "admin", parent)).Sequence;
    }

    private void Spend(long session, string model, decimal cost)
    {
        long tokens = (long)(cost * 1_000_000_000m) / NanosPerToken;
        Step();
        LedgerEvent held = Done(new ReserveCommand(session, new ReserveTokensRequest
        {
            RequestId = NextId(),
            Model = model,
            Estimate = new TokenEstimate { InputTokens = tokens, MaxOutputTokens = 0 },
        }));
        Assert.NotNull(held.ReservationHeld);
        Step();
        Done(new CommitCommand(session, held.Sequence, new CommitTokensRequest
        {
            RequestId = NextId(),
            Usage = new TokenUsage { InputTokens = tokens },
        }));
    }

    private void End(long session, Outcome outcome) => Done(new EndSessionCommand(
        session, new EndSessionRequest { RequestId = NextId(), Outcome = outcome }, "admin"));

    private void Apply(decimal leadsLimit)
    {
        Catalog catalog = CatalogOf(leadsLimit);
        Done(new ApplyCatalogCommand(
            new ApplyCatalogRequest { RequestId = NextId(), Document = catalog.ToString() }, catalog, [], "admin"));
    }

    private LedgerEvent Done(Command command)
    {
        Answer answer = _ledger.Handle(command, _now, _journal);
        Assert.Equal(AgentBudget.Ledger.Outcome.Done, answer.Outcome);
        return answer.Event!;
    }

    private string NextId() => $"past-{++_requests}";

    private void Step() => _now += LogTime.NanosPerSecond / 2;

    private void MoveTo(DateTime time)
    {
        _now = Math.Max(_now, LogTime.FromTimestamp(DateTime.SpecifyKind(time, DateTimeKind.Utc).ToTimestamp()));
        while (_ledger.NextDeadlineNanos <= _now) _ledger.HandleDeadlines(_now, _journal);
    }

    private static Catalog CatalogOf(decimal leadsLimit)
    {
        Catalog catalog = new() { Tenant = Tenant, Currency = "USD", TimeZone = "Europe/Berlin" };
        catalog.Tags.Add("customer", new TagRule());
        catalog.BusinessUnits.Add(new BusinessUnit { Id = "marketing", Budget = Limit(15_000, Period.Year) });
        catalog.BusinessUnits.Add(new BusinessUnit { Id = "sales" });
        catalog.UseCases.Add(UseCaseOf("promo", "marketing", Limit(7_000, Period.Quarter), "quotesBound", 1, 15));
        catalog.UseCases.Add(UseCaseOf("ads", "marketing", null, "", 0, 0));
        Budget leads = Limit(leadsLimit, Period.None);
        leads.Tiers.Add(new Tier { AtPercent = 100, Action = TierAction.Refuse });
        catalog.UseCases.Add(UseCaseOf("leads", "sales", leads, "dealsWon", 0, 5));
        catalog.UseCases.Add(UseCaseOf("support", "sales", Limit(500, Period.Month), "", 0, 0));
        catalog.Agents.Add(new Agent
        {
            Id = "writer",
            BusinessUnit = "marketing",
            UseCases = { "promo", "ads" },
            Models = { "m", "small", HostileModel },
            Delegates = new Delegates { Agents = { "writer", "seller" }, UseCases = { "leads" } },
        });
        catalog.Agents.Add(new Agent
        {
            Id = "seller",
            BusinessUnit = "sales",
            UseCases = { "leads" },
            Models = { "m", "small" },
        });
        catalog.Agents.Add(new Agent
        {
            Id = "helper",
            BusinessUnit = "sales",
            UseCases = { "support", "promo" },
            Models = { "m", "small" },
        });
        foreach (string model in (string[])["m", "small", HostileModel]) catalog.Prices.Add(PriceOf(model));
        return catalog;
    }

    private static UseCase UseCaseOf(
        string id, string unit, Budget? budget, string metric, double baseline, decimal worth)
    {
        UseCase useCase = new() { Id = id, BusinessUnit = unit, Budget = budget, Class = "writing" };
        if (metric.Length > 0)
        {
            useCase.Outcomes[metric] =
                new OutcomeRule { Unit = metric, Baseline = baseline, Value = Dollars(worth) };
        }

        return useCase;
    }

    private static Budget Limit(decimal amount, Period period) => new() { Limit = Dollars(amount), Period = period };

    private static Money Dollars(decimal amount) => MoneyMath.ToMoney((long)(amount * 1_000_000_000m), "USD");

    private static Price PriceOf(string model) => new()
    {
        Model = model,
        Provider = "demo",
        EffectiveFrom = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc).ToTimestamp(),
        Rates = new Rates { Input = NanosPerToken * 1_000_000, Output = NanosPerToken * 1_000_000 },
    };

    private sealed class Completion : IAppendCompletion
    {
        private readonly TaskCompletionSource<AppendOutcome> _done =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<AppendOutcome> Task => _done.Task;

        public void AppendCompleted(AppendOutcome outcome) => _done.SetResult(outcome);
    }
}
