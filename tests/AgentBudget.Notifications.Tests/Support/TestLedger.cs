using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Notifications.Tests.Support;

/// <summary>A ledger in memory that tests write facts to.</summary>
internal sealed class TestLedger(TimeProvider time) : ILedgerSource
{
    private const int PageMax = 100;

    private readonly Lock _gate = new();
    private readonly List<LedgerEvent> _events = [];

    public string Tenant => "acme";

    public List<Credential> Credentials { get; } = [];

    /// <summary>What reading fails with; null for nothing.</summary>
    public Exception? Fault { get; set; }

    public long Head
    {
        get
        {
            lock (_gate) return _events.Count;
        }
    }

    public LedgerEvent Add(LedgerEvent told)
    {
        lock (_gate)
        {
            told.Sequence = _events.Count + 1;
            told.Time = Timestamp.FromDateTimeOffset(time.GetUtcNow());
            _events.Add(told);
            return told;
        }
    }

    /// <summary>An agent is suspended: one notice about it.</summary>
    public LedgerEvent Suspend(string agent, string reason = "odd") =>
        Add(new LedgerEvent
        {
            AgentSuspended = new AgentSuspended { Agent = agent, Reason = reason },
            Actor = "admin",
        });

    /// <summary>A call is refused by a budget.</summary>
    public LedgerEvent Refuse(string grain = "useCases/promo") => Add(new LedgerEvent
    {
        Spender = new Spender
        {
            Session = "sessions/s1",
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            BusinessUnit = "businessUnits/marketing",
        },
        ReservationRefused = new ReservationRefused
        {
            Reason = Reason.UseCaseBudget,
            Grain = grain,
            Window = "month",
            Unit = ReservationRefused.Types.Unit.Nanos,
            Limit = 5_000_000_000,
            Requested = 10_000_000,
        },
    });

    /// <summary>Takes the ledger back to an earlier time.</summary>
    public void Restore(int events)
    {
        lock (_gate) _events.RemoveRange(events, _events.Count - events);
    }

    public Task<long> HeadAsync() => Task.FromResult(Head);

    public Task<IReadOnlyList<LedgerEvent>> ReadAsync(
        long fromSequence, long durableSequence, CancellationToken cancellationToken)
    {
        if (Fault is not null) throw Fault;
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<LedgerEvent>>(
            [
                .. _events.Where(told => told.Sequence >= fromSequence && told.Sequence <= durableSequence)
                    .Take(PageMax).Select(told => told.Clone()),
            ]);
        }
    }

    public Task<string> CurrencyAsync() => Task.FromResult("USD");

    public Task<string> UnitOfAsync(string grain) =>
        Task.FromResult(grain == "agents/writer" ? "businessUnits/marketing" : "");

    public Task<IReadOnlyList<Credential>> ExpiringCredentialsAsync() =>
        Task.FromResult<IReadOnlyList<Credential>>(Credentials);
}
