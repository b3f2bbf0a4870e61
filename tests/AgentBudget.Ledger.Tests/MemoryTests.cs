using System.Runtime.CompilerServices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

/// <summary>Measures the process's memory, so nothing runs beside it.</summary>
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
[Collection(nameof(MemoryTests))]
public sealed class MemoryTests(ITestOutputHelper output)
{
    private const int Sessions = 100_000;
    private const long BytesMax = 500_000_000;

    private readonly List<LedgerEvent> _events = [];
    private TenantLedger _ledger = new("acme");
    private long _now = LogTime.FromTimestamp(LedgerFixture.Start.ToTimestamp());

    [Fact]
    public void A_hundred_thousand_open_sessions_of_one_tenant_take_less_than_500_MB_and_leave_nothing_behind()
    {
        long empty = Bytes();
        ApplyCatalog();
        long[] sessions = new long[Sessions];
        for (int index = 0; index < Sessions; index++) sessions[index] = Open(index);
        Assert.Equal(Sessions, _ledger.OpenSessions);
        long open = Bytes() - empty;

        Restart();
        Assert.Equal(Sessions, _ledger.OpenSessions);
        long restored = Bytes() - empty;
        foreach (long session in sessions) Spend(session);
        long busy = Bytes() - empty;

        foreach (long session in sessions) End(session);
        _now += 30 * LogTime.NanosPerSecond;
        HandleDeadlines();
        Assert.Equal(0, _ledger.OpenSessions);
        _now += 31 * LedgerFixture.Day;
        long last = Open(Sessions);
        Assert.Equal(1, _ledger.KnownSessions);
        Assert.Equal(0, _ledger.OpenReservations);
        sessions = [];
        long left = Bytes() - empty;

        output.WriteLine($"open {open:N0}, restored {restored:N0}, with a hold each {busy:N0}, left {left:N0} bytes");
        Assert.InRange(open, 0, BytesMax);
        Assert.InRange(restored, 0, BytesMax);
        Assert.InRange(busy, 0, BytesMax);

        // Empty tables keep places and some records of holds are kept, for the next day; the snapshot keeps nothing.
        Assert.InRange(left, 0, BytesMax / 16);
        Assert.InRange(_ledger.Snapshot().Length, 0, 10_000);
        GC.KeepAlive(last);
    }

    // The ledger is a field and this a method of its own, so that no frame keeps what was before alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Restart() => _ledger = TenantLedger.Restore("acme", _ledger.Snapshot());

    private void ApplyCatalog()
    {
        Catalog catalog = Catalogs.Acme();
        catalog.Agents[0].Bounds = new AgentBounds { OpenSessions = 2 * Sessions, SessionsPerMinute = 2 * Sessions };
        catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(100_000_000);
        Send(new ApplyCatalogCommand(new ApplyCatalogRequest(), catalog, [], "admin"));
    }

    private long Open(int index) => Send(new OpenSessionCommand(
        new OpenSessionRequest
        {
            RequestId = $"open-{index}",
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            Task = $"draft {index}",
            OnBehalfOf = $"user:{index}@acme.test",
        },
        "admin"));

    private void Spend(long session)
    {
        long reservation = Reserve("first");
        Send(new CommitCommand(
            session,
            reservation,
            new CommitTokensRequest { RequestId = "first", Usage = new TokenUsage { InputTokens = 10 } }));
        Reserve("second");

        long Reserve(string requestId) => Send(new ReserveCommand(
            session,
            new ReserveTokensRequest
            {
                RequestId = requestId,
                Model = LedgerFixture.Haiku,
                Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
            }));
    }

    private void End(long session) =>
        Send(new EndSessionCommand(session, new EndSessionRequest { RequestId = "end" }, "admin"));

    private long Send(Command command)
    {
        Answer answer = _ledger.Handle(command, _now, _events);
        _events.Clear();
        Assert.Equal(Outcome.Done, answer.Outcome);
        Assert.Null(answer.Event!.ReservationRefused);
        return answer.Event.Sequence;
    }

    private void HandleDeadlines()
    {
        while (_ledger.NextDeadlineNanos <= _now)
        {
            _ledger.HandleDeadlines(_now, _events);
            _events.Clear();
        }
    }

    private static long Bytes()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
