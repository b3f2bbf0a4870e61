using AgentBudget.Client.Tests.Support;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Client.Tests;

[Collection(SharedBudgetCollection.Name)]
public sealed class SessionTests(SharedBudget shared)
{
    private readonly TestBudget _budget = shared.Budget;

    [Fact]
    public async Task A_session_renews_its_token_before_it_expires_up_to_its_lifetime()
    {
        FakeTimeProvider time = new(TimeProvider.System.GetUtcNow());
        await using AgentBudgetClient client = _budget.ClientOf(_ => { }, time);
        await using BudgetSession session = await client.StartSessionAsync(TestBudget.OpenRequest());
        string first = session.Token;
        Timestamp firstExpiry = session.Session.ExpireTime;

        time.Advance(TimeSpan.FromMinutes(60));
        await Task.Yield();
        Assert.Equal(first, session.Token);
        time.Advance(TimeSpan.FromMinutes(15));
        await TestWait.UntilAsync(() => session.Token != first, "a renewed token");
        ReserveTokensResponse held = await client.ReserveAsync(TestBudget.Reserve(session.Token));

        Assert.True(session.Session.ExpireTime > firstExpiry);
        Assert.Equal(Decision.Allow, held.Decision);
        Assert.Null(session.RenewalFault);
    }

    [Fact]
    public async Task A_session_that_somebody_else_ended_is_renewed_no_longer_and_says_why()
    {
        FakeTimeProvider time = new(TimeProvider.System.GetUtcNow());
        await using AgentBudgetClient client = _budget.ClientOf(_ => { }, time);
        await using BudgetSession session = await client.StartSessionAsync(TestBudget.OpenRequest());
        await _budget.Client.RevokeSessionAsync(
            new RevokeSessionRequest { Session = session.Name, Reason = "runs away" });

        time.Advance(TimeSpan.FromMinutes(75));
        await TestWait.UntilAsync(() => session.RenewalFault is not null, "the fault");

        Assert.Equal("SESSION_NOT_OPEN", session.RenewalFault!.Reason);
    }

    [Fact]
    public async Task A_session_ends_with_its_outcome_or_when_it_is_disposed()
    {
        BudgetSession told = await _budget.Client.StartSessionAsync(TestBudget.OpenRequest());
        Session ended = await told.EndAsync(new Outcome { Status = Outcome.Types.Status.Success });
        await told.DisposeAsync();
        BudgetSession left = await _budget.Client.StartSessionAsync(TestBudget.OpenRequest());
        await left.DisposeAsync();

        Assert.Equal(Session.Types.State.Ended, ended.State);
        Assert.Equal(Outcome.Types.Status.Success, (await GetAsync(told.Name)).Outcome.Status);
        Assert.Equal(Session.Types.State.Ended, (await GetAsync(left.Name)).State);
    }

    [Fact]
    public async Task A_watched_session_tells_its_balances_and_why_it_ended_and_then_no_more()
    {
        await using BudgetSession session = await _budget.Client.StartSessionAsync(TestBudget.OpenRequest());
        List<WatchSessionResponse> told = [];

        Task watching = Task.Run(async () =>
        {
            await foreach (WatchSessionResponse message in _budget.Client.WatchSessionAsync(
                new WatchSessionRequest { SessionToken = session.Token }))
            {
                lock (told) told.Add(message);
            }
        });
        await TestWait.UntilAsync(() => Count(told) > 0, "the present state");
        await _budget.Client.RevokeSessionAsync(
            new RevokeSessionRequest { Session = session.Name, Reason = "runs away" });
        await watching.WaitAsync(TestBudget.Patience);

        Assert.Equal(Session.Types.State.Open, told[0].Session.State);
        Assert.NotEmpty(told[0].Grains);
        Assert.Equal((Session.Types.State.Revoked, "runs away"), (told[^1].Session.State, told[^1].Session.Reason));
    }

    [Fact]
    public async Task Watched_spend_goes_on_without_a_gap_after_a_restart()
    {
        await using TestBudget budget = await TestBudget.StartAsync();
        string token = await budget.OpenAsync();
        List<long> sequences = [];
        using CancellationTokenSource stop = new();

        Task watching = Task.Run(async () =>
        {
            await foreach (WatchSpendResponse message in budget.Client.WatchSpendAsync(
                new WatchSpendRequest { FromSequence = 1 }, stop.Token))
            {
                if (message.Event is { } told) lock (sequences) sequences.Add(told.Sequence);
            }
        });
        await budget.Client.ReserveAsync(TestBudget.Reserve(token));
        await TestWait.UntilAsync(() => Count(sequences) >= 3, "the events before");
        await budget.Silo.KillAsync();
        await budget.Silo.StartAsync();
        await budget.Client.ReserveAsync(TestBudget.Reserve(token));
        await budget.Client.ReserveAsync(TestBudget.Reserve(token));
        await TestWait.UntilAsync(() => Count(sequences) >= 5, "the events after");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching);

        Assert.Equal(Enumerable.Range(1, sequences.Count).Select(number => (long)number), sequences);
    }

    private static int Count<T>(List<T> told)
    {
        lock (told) return told.Count;
    }

    private async Task<Session> GetAsync(string session) =>
        (await _budget.Client.GetSessionAsync(new GetSessionRequest { Session = session })).Session;
}
