using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Xunit.Abstractions;

namespace AgentBudget.Grains.Tests;

/// <summary>What the hot path allocates: the ledger events that it makes, and nothing beside them.</summary>
public sealed class AllocationTests(ITestOutputHelper output)
{
    private const int Calls = 10_000;

    // After these the session's log of request ids has just doubled, and has places for all that are measured.
    private const int WarmUpCalls = 17_000;

    [Fact]
    public void Reserve_and_commit_allocate_their_ledger_events_and_nothing_beside_them()
    {
        var ledger = new TenantLedger("acme");
        long now = Tenants.LogTime.FromTimestamp(LedgerFixture.Start.ToTimestamp());
        var events = new List<LedgerEvent>(4 * (WarmUpCalls + Calls));
        Catalog catalog = Catalogs.Acme();
        catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(1_000_000);
        ledger.Handle(new ApplyCatalogCommand(new ApplyCatalogRequest(), catalog, [], "admin"), now, events);
        var open = new OpenSessionRequest
        {
            RequestId = "open",
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            Unattended = true,
        };
        long session = ledger.Handle(new OpenSessionCommand(open, "admin"), now, events).Event!.Sequence;
        Command[] commands = Commands(session, WarmUpCalls + Calls);
        foreach (Command command in commands.AsSpan(0, 2 * WarmUpCalls)) ledger.Handle(command, now, events);

        int first = events.Count;
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (Command command in commands.AsSpan(2 * WarmUpCalls)) ledger.Handle(command, now, events);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(2 * Calls, events.Count - first);
        Assert.Equal(0, ledger.OpenReservations);
        long ofEvents = BytesOf(events[first..]);
        output.WriteLine($"{allocated / Calls} bytes for a reserve with its commit, {ofEvents / Calls} are the events");
        Assert.InRange(allocated, Calls, ofEvents);
    }

    // Reservations are named after the events that make them: every second one from the session on.
    private static Command[] Commands(long session, int calls)
    {
        var commands = new Command[2 * calls];
        for (int call = 0; call < calls; call++)
        {
            commands[2 * call] = new ReserveCommand(session, new ReserveTokensRequest
            {
                RequestId = $"request-{call}",
                Model = LedgerFixture.Haiku,
                Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
            });
            commands[(2 * call) + 1] = new CommitCommand(session, session + 1 + (2 * call), new CommitTokensRequest
            {
                RequestId = $"request-{call}",
                Usage = new TokenUsage { InputTokens = 1000, OutputTokens = 500 },
            });
        }

        return commands;
    }

    // What the events are by themselves: a copy of each without the parts that came with the request or the session.
    // A copy of a settlement makes its list of tiers twice, which is 32 bytes.
    private static long BytesOf(List<LedgerEvent> events)
    {
        foreach (LedgerEvent entry in events)
        {
            entry.Spender = null;
            if (entry.ReservationHeld is { } held) held.Estimate = null;
            if (entry.ReservationSettled is { } settled) settled.Usage = null;
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (LedgerEvent entry in events) GC.KeepAlive(entry.Clone());
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
