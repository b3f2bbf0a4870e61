using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Sqlite;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Runtime.Tests;

/// <summary>The real grains over the real store.</summary>
public sealed class RealLedgerTests : IAsyncLifetime
{
    private const string Tenant = "acme";
    private const string Model = "small";
    private const long CallNanos = 6_000_000; // 1,000 tokens in at 1 and 1,000 out at 5 per million.
    private const long LimitNanos = 1_000_000_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("agentbudget-runtime-").FullName;
    private readonly ManualTimeProvider _time = new();
    private readonly TestLog _log = new();
    private SqliteStore? _store;
    private ActivationHost? _host;

    private ActivationHost Host => _host!;

    public async ValueTask InitializeAsync() => await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        Directory.Delete(_folder, recursive: true);
        _log.AssertNoUnexpectedError();
        _log.Dispose();
    }

    [Fact]
    public async Task A_thousand_callers_are_granted_exactly_what_the_cap_allows_and_it_survives_a_restart()
    {
        await ApplyCatalogAsync();
        long[] sessions = new long[20];
        for (int i = 0; i < sessions.Length; i++) sessions[i] = await OpenSessionAsync($"open-{i}");
        Answer[] answers = await Fixture.WithinAsync(
            Task.WhenAll(Enumerable.Range(0, 1000)
                .Select(i => Task.Run(() => ReserveAsync(sessions[i % sessions.Length], $"r{i}")))),
            "the answers");

        int granted = answers.Count(answer => answer.Event!.ReservationHeld is not null);
        Assert.Equal(LimitNanos / CallNanos, granted); // With no cheaper model, the soft cap refuses.
        Assert.Equal(1000 - granted, answers.Count(answer => answer.Event!.ReservationRefused is not null));
        List<LedgerEvent> journal = await ReadAllAsync();
        Assert.Equal(granted * CallNanos, journal.Sum(read => read.ReservationHeld?.CostNanos ?? 0));

        GetBalanceResponse before = await BalanceAsync();
        await CloseAsync();
        await OpenAsync();
        Assert.Equal(before, await BalanceAsync());
        int recorded = Array.FindIndex(answers, answer => answer.Event!.Sequence > 0);
        Answer again = await ReserveAsync(sessions[recorded % sessions.Length], $"r{recorded}");
        Assert.Equal(answers[recorded].Event, again.Event);
        Assert.Equal(journal.Count, await Host.DurableSequenceAsync(Tenant, default));
    }

    [Fact]
    public async Task A_hold_runs_out_at_its_time_after_a_restart_with_nobody_asking()
    {
        await ApplyCatalogAsync();
        Answer held = await ReserveAsync(await OpenSessionAsync("open"), "r");
        await CloseAsync();
        await OpenAsync();
        _time.Advance(TimeSpan.FromSeconds(61));
        await using var watch = Host.WatchAsync(Tenant, held.Event!.Sequence + 1, default).GetAsyncEnumerator();
        Assert.True(await Fixture.WithinAsync(watch.MoveNextAsync().AsTask(), "the expiry"));
        Assert.Equal(held.Event.Sequence, watch.Current[0].ReservationExpired.Reservation);
    }

    [Fact]
    public async Task The_journal_in_the_file_is_one_verified_chain()
    {
        await ApplyCatalogAsync();
        long session = await OpenSessionAsync("open");
        for (int i = 0; i < 50; i++) await ReserveAsync(session, $"r{i}");
        await CloseAsync();
        await using SqliteStore store = OpenStore();
        var verifier = new ChainVerifier(Tenant, JournalHead.Empty);
        foreach (StoredGroup group in await store.ReadGroupsAsync(Tenant, 1, int.MaxValue, default))
            verifier.Accept(group);
        verifier.Finish(await store.ReadHeadAsync(Tenant, default));
        Assert.Equal(52, verifier.Head.LastEvent);
    }

    private SqliteStore OpenStore() => SqliteStore.Open(
        new SqliteStoreOptions
        {
            Folder = Path.Combine(_folder, "ledger"),
            OnFailed = static failure => Assert.Fail(failure.Message),
        },
        _log);

    private async Task OpenAsync()
    {
        _store = OpenStore();
        _host = new ActivationHost(_store, new ActivationHostOptions(), _time, _log);
        await _host.StartAsync(default);
    }

    private async Task CloseAsync()
    {
        await Host.DisposeAsync();
        await _store!.DisposeAsync();
    }

    private async Task<Answer> SendAsync(Command command)
    {
        Answer answer = await Fixture.WithinAsync(Host.SubmitAsync(Tenant, command).AsTask(), "an answer");
        Assert.Equal(Ledger.Outcome.Done, answer.Outcome);
        return answer;
    }

    private async Task<long> OpenSessionAsync(string id) => (await SendAsync(new OpenSessionCommand(
        new OpenSessionRequest
        {
            RequestId = id,
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            Task = "draft",
            Unattended = true,
        },
        "admin"))).Event!.Sequence;

    private Task<Answer> ReserveAsync(long session, string id) => SendAsync(new ReserveCommand(
        session,
        new ReserveTokensRequest
        {
            RequestId = id,
            Model = Model,
            Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
            Ttl = Duration.FromTimeSpan(TimeSpan.FromSeconds(60)),
        }));

    private async Task<GetBalanceResponse> BalanceAsync() =>
        (GetBalanceResponse)(await SendAsync(new BalanceQuery(0, "useCases/promo"))).View!;

    private async Task<List<LedgerEvent>> ReadAllAsync()
    {
        var events = new List<LedgerEvent>();
        IReadOnlyList<LedgerEvent> page;
        while ((page = await Host.ReadAsync(Tenant, events.Count + 1, 100, default)).Count > 0) events.AddRange(page);
        return events;
    }

    private Task<Answer> ApplyCatalogAsync()
    {
        var catalog = new Catalog { Tenant = Tenant, Currency = "USD", TimeZone = "Europe/Berlin" };
        catalog.BusinessUnits.Add(new BusinessUnit { Id = "marketing" });
        catalog.UseCases.Add(new UseCase
        {
            Id = "promo",
            BusinessUnit = "marketing",
            Budget = new Budget { Limit = new Money { CurrencyCode = "USD", Units = 1 }, Period = Period.Month },
        });
        catalog.Agents.Add(new Agent
        {
            Id = "writer",
            BusinessUnit = "marketing",
            UseCases = { "promo" },
            Models = { Model },
        });
        catalog.Prices.Add(new Price
        {
            Model = Model,
            Provider = "any",
            EffectiveFrom = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).ToTimestamp(),
            Rates = new Rates { Input = 1_000_000_000, Output = 5_000_000_000 },
        });
        return SendAsync(new ApplyCatalogCommand(
            new ApplyCatalogRequest { RequestId = "catalog", Document = catalog.ToString() }, catalog, [], "admin"));
    }
}
