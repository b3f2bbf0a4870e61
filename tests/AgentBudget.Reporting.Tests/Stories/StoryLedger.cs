using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Tests.Stories;

/// <summary>
/// A story as the ledger would tell it: each day each agent has as many runs for its own use case as the day is large,
/// of half a median day each, with four calls, one of them by a subagent. Of a planted one the runaway's day is one run
/// with 32 calls and twelve subagents, one agent hands work to a use case of another unit once a week, one agent works
/// for two units, and two use cases have their users in common.
/// </summary>
internal sealed class StoryLedger
{
    /// <summary>The agent whose runs open subagents for another unit, and that use case.</summary>
    public const int Delegating = 1;
    public const int DelegatedTo = 6;

    /// <summary>The agent that works for another unit too, and that use case.</summary>
    public const int Shared = 10;
    public const int SharedWith = 11;

    /// <summary>Use cases of two units with users in common.</summary>
    public const int SameUsers = 0;
    public const int SameUsersToo = 4 + 1;

    private const int CallsPerRun = 4;
    private const int RunsMax = 6;
    private const int UsersPerUseCase = 6;
    private const int RunawayCalls = 32;
    private const int RunawaySubagents = 12;
    private const long InputRate = 1_000_000_000; // Nanos per million tokens.

    private readonly Story _story;
    private readonly bool _isPlanted;
    private readonly long[] _medians;

    public StoryLedger(Story story, bool isPlanted)
    {
        _story = story;
        _isPlanted = isPlanted;
        _medians = [.. Enumerable.Range(0, Story.Agents).Select(agent => MedianOf(story.DayNanos(agent)))];
        Add(Start, null, new LedgerEvent { CatalogApplied = new CatalogApplied { Catalog = CatalogOf() } });
        for (int day = 0; day < story.Days; day++)
        {
            for (int agent = 0; agent < Story.Agents; agent++) AddDay(agent, day);
        }
    }

    /// <summary>A Monday, in a zone without summer time.</summary>
    public static DateTimeOffset Start { get; } = Ledgers.At("2026-06-01T00:00:00Z");

    public DateTimeOffset End => Start.AddDays(_story.Days);

    public List<LedgerEvent> Events { get; } = [];

    /// <summary>The root of the runaway's run.</summary>
    public string RunawayRun { get; private set; } = "";

    private static long MedianOf(long[] days)
    {
        long[] rising = [.. days.Where(nanos => nanos > 0).Order()];
        return rising[rising.Length / 2];
    }

    private static Catalog CatalogOf()
    {
        var catalog = new Catalog { Tenant = Ledgers.Tenant, Currency = "USD", TimeZone = "UTC" };
        for (int agent = 0; agent < Story.Agents; agent++)
        {
            var useCase = new UseCase { Id = $"u{agent}", BusinessUnit = $"b{agent % Story.Units}", Class = "writing" };
            catalog.UseCases.Add(useCase);
        }

        return catalog;
    }

    private void AddDay(int agent, int day)
    {
        long nanos = _story.DayNanos(agent)[day];
        if (nanos == 0) return;
        bool isRunaway = _isPlanted && agent == Story.Runaway && day == Story.RunawayDay;
        int runs = isRunaway ? 1 : (int)Math.Clamp(Math.Round(2.0 * nanos / _medians[agent]), 1, RunsMax);
        for (int run = 0; run < runs; run++)
            AddRun(agent, day, Start.AddDays(day).AddHours(8 + (12.0 * run / runs)), nanos / runs, isRunaway);
    }

    private void AddRun(int agent, int day, DateTimeOffset time, long nanos, bool isRunaway)
    {
        DateTimeOffset began = time;
        int useCase = _isPlanted && agent == Shared && day % 3 == 0 ? SharedWith : agent;
        Spender root = SpenderOf(agent, useCase, day);
        root.Session = $"sessions/s{Events.Count + 1}";
        Add(time, root, new LedgerEvent { SessionOpened = new SessionOpened() });
        if (isRunaway) RunawayRun = root.Session;
        int below = _isPlanted && agent == Delegating && day % 7 == 0 ? DelegatedTo : useCase;
        List<Spender> children = [];
        for (int i = 0; i < (isRunaway ? RunawaySubagents : 1); i++)
            children.Add(AddChild(time, root, SpenderOf(agent, below, day)));
        long rate = agent == Story.PriceChanged && _isPlanted && day >= Story.PriceDay
            ? InputRate * 13 / 10
            : InputRate;
        int calls = isRunaway ? RunawayCalls : CallsPerRun;
        for (int call = 0; call < calls; call++)
        {
            time = began.AddMinutes(isRunaway ? 20 * call : call);
            bool isBelow = isRunaway ? call % 2 == 1 : call == CallsPerRun - 1;
            Spender spender = isBelow ? children[call / 2 % children.Count] : root;
            Settle(time, spender, $"model-{(call % 2 == 0 ? "big" : "small")}", nanos / calls, rate);
        }

        var outcome = new Outcome { Status = Outcome.Types.Status.Success };
        Add(time.AddMinutes(1), root, new LedgerEvent { SessionEnded = new SessionEnded { Outcome = outcome } });
    }

    private Spender AddChild(DateTimeOffset time, Spender root, Spender child)
    {
        child.Session = $"sessions/s{Events.Count + 1}";
        child.Parent = root.Session;
        child.Run = root.Session;
        var opened = new SessionOpened { Delegation = new Delegation { From = root, Depth = 1 } };
        Add(time, child, new LedgerEvent { SessionOpened = opened });
        return child;
    }

    private Spender SpenderOf(int agent, int useCase, int day)
    {
        bool isOfBoth = _isPlanted && useCase is SameUsers or SameUsersToo;
        return new Spender
        {
            Agent = $"agents/a{agent}",
            UseCase = $"useCases/u{useCase}",
            BusinessUnit = $"businessUnits/b{useCase % Story.Units}",
            OnBehalfOf = $"user:{(isOfBoth ? SameUsers : useCase)}-{day % UsersPerUseCase}",
        };
    }

    private void Settle(DateTimeOffset time, Spender spender, string model, long nanos, long rate)
    {
        Add(time, spender, new LedgerEvent { ReservationHeld = new ReservationHeld { Model = model } });
        var line = new ChargeLine
        {
            Bucket = TokenBucket.Input,
            Tokens = nanos * 1_000_000 / rate,
            Rate = rate,
            CostNanos = nanos,
        };
        var settled = new ReservationSettled
        {
            Reservation = Events.Count,
            Model = model,
            CostNanos = nanos,
            Lines = { line },
            Usage = new TokenUsage { InputTokens = line.Tokens },
            Final = true,
        };
        Add(time, spender, new LedgerEvent { ReservationSettled = settled });
    }

    private void Add(DateTimeOffset time, Spender? spender, LedgerEvent ledgerEvent)
    {
        ledgerEvent.Sequence = Events.Count + 1;
        ledgerEvent.Time = Timestamp.FromDateTimeOffset(time);
        ledgerEvent.Spender = spender?.Clone();
        Events.Add(ledgerEvent);
    }
}
