using System.Diagnostics;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Bench.Ledger;

/// <summary>
/// Reserve and commit on one ledger with everything switched on: several windows on every grain, a rolling one among
/// them, rollover, every breaker, a tool with a digest of its arguments, and a session below another one. Counts what
/// the calls allocate and what their ledger events are by themselves.
/// </summary>
internal sealed class HotPath
{
    /// <summary>Calls of one round.</summary>
    public const int CallsPerRound = 500;

    // After these the session's log of request ids has just doubled, and has places for all that follow.
    private const int WarmUpCalls = 22_000;
    private const int Rounds = 20;
    private const int CallsMax = Rounds * CallsPerRound;

    private const long Millisecond = 1_000_000;
    private const string Model = "small";
    private const string Tool = "crm.read";

    private readonly TenantLedger _ledger = new("acme");
    private readonly List<LedgerEvent> _events = new(4 * (WarmUpCalls + CallsMax));
    private readonly ReserveCommand[] _reserves = new ReserveCommand[WarmUpCalls + CallsMax];
    private readonly CommitTokensRequest[] _commits = new CommitTokensRequest[WarmUpCalls + CallsMax];
    private readonly long _session;
    private long _now = new DateTime(2026, 11, 18, 10, 0, 0, DateTimeKind.Utc).Ticks - DateTime.UnixEpoch.Ticks;
    private int _next;

    public HotPath()
    {
        _now *= TimeSpan.NanosecondsPerTick;
        Handle(new ApplyCatalogCommand(new ApplyCatalogRequest { RequestId = "catalog" }, MakeCatalog(), [], "admin"));
        _session = Open(parent: Open(parent: 0));
        for (int call = 0; call < _reserves.Length; call++)
        {
            _reserves[call] = new ReserveCommand(_session, new ReserveTokensRequest
            {
                RequestId = $"request-{call}",
                Model = Model,
                Tool = Tool,
                ToolArgumentsDigest = call % 2 == 0 ? "a" : "b",
                Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
            });
            _commits[call] = new CommitTokensRequest
            {
                RequestId = $"request-{call}",
                Usage = new TokenUsage { InputTokens = 1000, OutputTokens = 500 },
            };
        }

        Run(WarmUpCalls);
    }

    /// <summary>Of the ledger after the calls so far.</summary>
    public TenantLedger Ledger => _ledger;

    /// <summary>
    /// What one round allocates, by the median: a collection that another thread began leaves some bytes on the account
    /// of this one.
    /// </summary>
    public HotPathBytes Measure()
    {
        HotPathBytes[] rounds = [.. Enumerable.Range(0, Rounds).Select(_ => Run(CallsPerRound))];
        return new HotPathBytes(
            new TimeSpan(Median(round => round.Elapsed.Ticks)),
            rounds.Min(round => round.Held),
            rounds.Min(round => round.Settled),
            Median(round => round.ReserveBytes),
            Median(round => round.HeldEventBytes),
            Median(round => round.CommitBytes),
            Median(round => round.SettledEventBytes));

        long Median(Func<HotPathBytes, long> number) => rounds.Select(number).Order().ElementAt(Rounds / 2);
    }

    private HotPathBytes Run(int calls)
    {
        long reserves = 0;
        long commits = 0;
        int first = _events.Count;
        long began = Stopwatch.GetTimestamp();
        for (int call = 0; call < calls; call++)
        {
            ReserveCommand reserve = _reserves[_next];
            CommitTokensRequest request = _commits[_next++];
            _now += Millisecond;
            long before = GC.GetAllocatedBytesForCurrentThread();
            Answer held = _ledger.Handle(reserve, _now, _events);
            reserves += GC.GetAllocatedBytesForCurrentThread() - before;
            var commit = new CommitCommand(_session, held.Event!.Sequence, request);
            before = GC.GetAllocatedBytesForCurrentThread();
            _ledger.Handle(commit, _now, _events);
            commits += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        TimeSpan elapsed = Stopwatch.GetElapsedTime(began);
        List<LedgerEvent> events = _events[first..];
        return new HotPathBytes(
            elapsed,
            events.Count(entry => entry.ReservationHeld is not null),
            events.Count(entry => entry.ReservationSettled is not null),
            reserves,
            BytesOf(events, entry => entry.ReservationSettled is null),
            commits,
            BytesOf(events, entry => entry.ReservationSettled is not null));
    }

    // What the events are by themselves: a copy of each, without the parts that came with the request or the session.
    private static long BytesOf(List<LedgerEvent> events, Func<LedgerEvent, bool> isCounted)
    {
        long bytes = 0;
        foreach (LedgerEvent entry in events)
        {
            if (!isCounted(entry)) continue;
            LedgerEvent own = entry.Clone();
            own.Spender = null;
            if (own.ReservationHeld is { } held) held.Estimate = null;
            if (own.ReservationSettled is { } settled) settled.Usage = null;
            long before = GC.GetAllocatedBytesForCurrentThread();
            LedgerEvent copy = own.Clone();
            bytes += GC.GetAllocatedBytesForCurrentThread() - before;
            GC.KeepAlive(copy);
            if (own.ReservationSettled is not null) bytes -= ListOfTiersBytes;
        }

        return bytes;
    }

    // A copy of a settlement makes its list of tiers twice.
    private static readonly long ListOfTiersBytes = BytesOfEmptyList();

    private static long BytesOfEmptyList()
    {
        _ = new Google.Protobuf.Collections.RepeatedField<TierCrossing>();
        long before = GC.GetAllocatedBytesForCurrentThread();
        var list = new Google.Protobuf.Collections.RepeatedField<TierCrossing>();
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        GC.KeepAlive(list);
        return bytes;
    }

    private long Open(long parent)
    {
        var request = new OpenSessionRequest { RequestId = $"open-{parent}", Unattended = true };
        if (parent == 0) (request.Agent, request.UseCase) = ("agents/writer", "useCases/promo");
        return Handle(new OpenSessionCommand(request, "admin", parent)).Event!.Sequence;
    }

    private Answer Handle(Command command)
    {
        Answer answer = _ledger.Handle(command, _now, _events);
        return answer.Outcome == AgentBudget.Ledger.Outcome.Done
            ? answer
            : throw new InvalidOperationException($"{command.GetType().Name} ended in {answer.Outcome}");
    }

    private static Catalog MakeCatalog()
    {
        var catalog = new Catalog { Tenant = "acme", Currency = "USD", TimeZone = "Europe/Berlin" };
        catalog.Budget = Windows(catalog.FurtherBudgets);
        var unit = new BusinessUnit { Id = "marketing" };
        unit.Budget = Windows(unit.FurtherBudgets);
        catalog.BusinessUnits.Add(unit);
        var useCase = new UseCase { Id = "promo", BusinessUnit = unit.Id };
        useCase.Budget = Windows(useCase.FurtherBudgets);
        catalog.UseCases.Add(useCase);
        var agent = new Agent { Id = "writer", BusinessUnit = unit.Id };
        agent.UseCases.Add(useCase.Id);
        agent.Tools.Add(Tool);
        agent.Models.Add(Model);
        agent.Budget = Windows(agent.FurtherBudgets);
        agent.Ceilings = new Ceilings { StepsPerSession = 1_000_000 };
        agent.Ceilings.Run = new RunCeilings { Cost = Units(1_000_000) };
        agent.Breakers = new Breakers
        {
            SameToolCall = new CountBreaker { Times = 3 },
            Refusals = new CountBreaker { Times = 3 },
            StepsWithoutOutcome = new CountBreaker { Times = 1_000_000 },
            BurnRate = new BurnBreaker { CostPerMinute = Units(1_000_000) },
        };
        catalog.Agents.Add(agent);
        catalog.Prices.Add(new Price
        {
            Model = Model,
            EffectiveFrom = new Timestamp(),
            Rates = new Rates { Input = 1_000_000_000, Output = 5_000_000_000 },
        });
        return catalog;
    }

    private static Budget Windows(Google.Protobuf.Collections.RepeatedField<Budget> further)
    {
        further.Add(new Budget
        {
            Limit = Units(1_000_000),
            Tokens = 1_000_000_000_000,
            Period = Period.Rolling,
            Rolling = new Duration { Seconds = 3600 },
        });
        further.Add(new Budget { Limit = Units(1_000_000), Period = Period.Day });
        return new Budget { Limit = Units(1_000_000), Period = Period.Month, Rollover = new Rollover() };
    }

    private static Money Units(long units) => new() { CurrencyCode = "USD", Units = units };
}

/// <summary>What reserving and committing allocated, and what of it the ledger events are.</summary>
/// <param name="Elapsed">The time that they took together.</param>
/// <param name="Held">Reserves that were granted.</param>
/// <param name="Settled">Commits that settled.</param>
/// <param name="ReserveBytes">Allocated by all reserves.</param>
/// <param name="HeldEventBytes">Of them, their events by themselves.</param>
/// <param name="CommitBytes">Allocated by all commits.</param>
/// <param name="SettledEventBytes">Of them, their events by themselves.</param>
internal sealed record HotPathBytes(
    TimeSpan Elapsed,
    int Held,
    int Settled,
    long ReserveBytes,
    long HeldEventBytes,
    long CommitBytes,
    long SettledEventBytes)
{
    /// <summary>Whether the calls allocated their events and nothing beside them.</summary>
    public bool IsEventsAlone => ReserveBytes <= HeldEventBytes && CommitBytes <= SettledEventBytes;
}
