using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage.InMemory;

namespace AgentBudget.Runtime.Tests;

/// <summary>
/// What the end of an agent costs those who spend beside it, counted in appends: the real grains on one thread, so that
/// what arrives together is decided together.
/// </summary>
public sealed class DecommissionTests : IAsyncLifetime
{
    private const string Writer = "agents/writer";
    private const string Sibling = "agents/sibling";

    // All that arrives with the end is taken in one step of the tenant.
    private const int SessionsOfWriter = 100;
    private const int CallsOfSibling = 50;

    private readonly Queue<IThreadPoolWorkItem> _work = new();
    private readonly InMemoryStore _store = new();
    private readonly TestLog _log = new();
    private readonly ActivationHost _host;
    private int _requests;
    private volatile bool _isOver;

    public DecommissionTests() => _host = new ActivationHost(
        _store, new ActivationHostOptions(), new ManualTimeProvider(), _log, new TenantLedgers(), RunSoon);

    public async ValueTask InitializeAsync()
    {
        await _host.StartAsync(default);
        await OneAsync(new ApplyCatalogCommand(
            new ApplyCatalogRequest { RequestId = "catalog", Document = "given" }, TwoAgents.Catalog(), [], "admin"));
    }

    public async ValueTask DisposeAsync()
    {
        _isOver = true;
        await Fixture.WithinAsync(_host.StopAsync(default), "the stop");
        await _store.DisposeAsync();
        _log.AssertNoUnexpectedError();
        _log.Dispose();
    }

    [Fact]
    public async Task Siblings_of_an_agent_that_ends_under_load_wait_for_no_append_more_than_before()
    {
        long sibling = (await OneAsync(Open(Sibling))).Event!.Sequence;
        Answer[] opened = await AllAsync(Enumerable.Range(0, SessionsOfWriter).Select(_ => Open(Writer)));
        Answer[] held = await AllAsync(opened.Select(session => Reserve(session.Event!.Sequence)));
        Command[] Calls() => [.. Enumerable.Range(0, CallsOfSibling).Select(_ => Reserve(sibling))];
        Command[] OfWriter(Func<LedgerEvent, Command> call) => [.. held.Select(hold => call(hold.Event!))];

        (Answer[] before, long appendsBefore) = await CountedAsync(Calls());
        (Answer[] during, long appendsDuring) = await CountedAsync(
        [
            .. Calls(),
            new DecommissionAgentCommand(
                new DecommissionAgentRequest { RequestId = NextId(), Agent = Writer, Reason = "gone" }, "admin"),
            .. Calls(),
            Reserve(opened[0].Event!.Sequence),
            .. OfWriter(hold => Commit(SessionOf(hold), hold.Sequence)),
        ]);
        (Answer[] after, long appendsAfter) = await CountedAsync(Calls());

        Assert.Equal((1, 1, 1), (appendsBefore, appendsDuring, appendsAfter));
        Answer[] duringOfSibling = [.. during[..CallsOfSibling], .. during[(CallsOfSibling + 1)..^(held.Length + 1)]];
        Assert.Equal(2 * CallsOfSibling, duringOfSibling.Length);
        Assert.All(
            before.Concat(duringOfSibling).Concat(after), answer => Assert.NotNull(answer.Event!.ReservationHeld));
        Assert.Equal(SessionsOfWriter, during[CallsOfSibling].Event!.AgentDecommissioned.Sessions.Count);
        Assert.Equal(Reason.SessionRevoked, during[^(held.Length + 1)].Event!.ReservationRefused.Reason);
        Assert.All(during[^held.Length..], answer =>
        {
            Assert.True(answer.Event!.ReservationSettled.Late);
            Assert.Equal(1500, answer.Event.ReservationSettled.Tokens);
        });
    }

    private static long SessionOf(LedgerEvent hold) => Names.TryParseSession(hold.Spender.Session, out long number)
        ? number
        : throw new InvalidOperationException(hold.Spender.Session);

    // What is asked here is answered before anything else is asked.
    private async Task<(Answer[] Answers, long Appends)> CountedAsync(Command[] commands)
    {
        long before = await CountAppendsAsync();
        Answer[] answers = await AllAsync(commands);
        return (answers, await CountAppendsAsync() - before);
    }

    private async Task<long> CountAppendsAsync() => (await _store.ReadHeadAsync(TwoAgents.Tenant, default)).Sequence;

    private async Task<Answer> OneAsync(Command command) => Assert.Single(await AllAsync([command]));

    private async Task<Answer[]> AllAsync(IEnumerable<Command> commands)
    {
        Task<Answer>[] tasks = [.. commands.Select(command => _host.SubmitAsync(TwoAgents.Tenant, command).AsTask())];
        Work();
        Answer[] answers = await Fixture.WithinAsync(Task.WhenAll(tasks), "the answers");
        Assert.All(answers, answer => Assert.Equal(Ledger.Outcome.Done, answer.Outcome));
        return answers;
    }

    // The last snapshot is made on another thread, which nobody works for here.
    private void RunSoon(IThreadPoolWorkItem work)
    {
        if (_isOver) ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
        else _work.Enqueue(work);
    }

    private void Work()
    {
        while (_work.TryDequeue(out IThreadPoolWorkItem? work)) work.Execute();
    }

    private string NextId() => $"r{++_requests}";

    private OpenSessionCommand Open(string agent) => new(
        new OpenSessionRequest { RequestId = NextId(), Agent = agent, UseCase = "useCases/promo", Unattended = true },
        "admin");

    private ReserveCommand Reserve(long session) => new(
        session,
        new ReserveTokensRequest
        {
            RequestId = NextId(),
            Model = TwoAgents.Model,
            Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
        });

    private CommitCommand Commit(long session, long reservation) => new(
        session,
        reservation,
        new CommitTokensRequest
        {
            RequestId = NextId(),
            Usage = new TokenUsage { InputTokens = 1000, OutputTokens = 500 },
        });
}
