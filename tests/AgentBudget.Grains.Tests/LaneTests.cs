using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Lanes;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.Logging.Abstractions;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Grains.Tests;

/// <summary>A lane by itself: what it batches, what it turns away, and what it says of a call that was lost.</summary>
public sealed class LaneTests
{
    private const long Session = 7;

    private readonly Queue<Batch> _sent = new();
    private readonly Queue<IThreadPoolWorkItem> _soon = new();

    [Fact]
    public void What_a_lost_call_carried_has_an_unknown_outcome_where_it_may_have_had_an_effect()
    {
        Lane lane = Make(new LaneOptions());
        Caller[] effects =
        [
            Submit(lane, Acme.Catalog()),
            Submit(lane, Acme.Open("open")),
            Submit(lane, Acme.Reserve(Session, "r")),
            Submit(lane, Acme.Commit(Session, 8, "c", tokens: 1)),
            Submit(lane, Acme.Release(Session, 8, "d")),
        ];
        Caller[] queries =
        [
            Submit(lane, new BalanceQuery(Session, "")),
            Submit(lane, new SessionQuery(Session)),
            Submit(lane, new SessionsQuery(new ListSessionsRequest())),
            Submit(lane, new CatalogQuery()),
            Submit(lane, new SpendSnapshotQuery(new SpendFilter())),
            Submit(lane, new CredentialQuery(1)),
            Submit(lane, new CredentialsQuery(new ListCredentialsRequest())),
            Submit(lane, new CredentialBookQuery()),
        ];
        Run();
        _sent.Dequeue().Replies.SetException(new TimeoutException("a planted fault"));
        Run();
        Assert.All(effects, caller => Assert.Equal(TenantFault.OutcomeUnknown, caller.Failure?.Fault));
        Assert.All(queries, caller => Assert.Equal(TenantFault.NotReady, caller.Failure?.Fault));
        Assert.Equal((0, 0), (lane.WaitingCommands, lane.WaitingSettlements));
    }

    [Fact]
    public void Commits_and_releases_have_room_of_their_own_and_a_bound_of_their_own()
    {
        Lane lane = Make(new LaneOptions { WaitingCommandsMax = 3, WaitingSettlementsMax = 2 });
        for (int i = 0; i < 3; i++) Assert.Null(Submit(lane, Acme.Open($"o{i}")).Failure);
        Assert.Equal(TenantFault.Busy, Submit(lane, Acme.Open("o3")).Failure?.Fault);
        Assert.Null(Submit(lane, Acme.Commit(Session, 8, "c", tokens: 1)).Failure);
        Assert.Null(Submit(lane, Acme.Release(Session, 9, "d")).Failure);
        Assert.Equal(TenantFault.Busy, Submit(lane, Acme.Commit(Session, 10, "e", tokens: 1)).Failure?.Fault);
        Assert.Equal((3, 2), (lane.WaitingCommands, lane.WaitingSettlements));
        AnswerAll();
        Assert.Equal((0, 0), (lane.WaitingCommands, lane.WaitingSettlements));
        Assert.Null(Submit(lane, Acme.Open("o3")).Failure);
        Assert.Null(Submit(lane, Acme.Commit(Session, 10, "e", tokens: 1)).Failure);
    }

    [Fact]
    public void A_session_that_runs_away_fills_its_own_room_only()
    {
        Lane lane = Make(new LaneOptions { WaitingCommandsMax = 100, WaitingBySessionMax = 10 });
        int busy = Enumerable.Range(0, 100).Count(i =>
            Submit(lane, Acme.Reserve(Session, $"runaway{i}")).Failure?.Fault == TenantFault.Busy);
        Assert.Equal(90, busy);
        for (int session = 0; session < 9; session++)
            Assert.Null(Submit(lane, Acme.Reserve(100 + session, "sibling")).Failure);
        AnswerAll();
        Assert.Null(Submit(lane, Acme.Reserve(Session, "again")).Failure);
    }

    [Fact]
    public void A_principal_that_runs_away_in_many_sessions_fills_its_own_room_only()
    {
        Lane lane = Make(new LaneOptions
        {
            WaitingCommandsMax = 100,
            WaitingByPrincipalMax = 75,
            WaitingSettlementsMax = 40,
            SettlementsByPrincipalMax = 30,
        });
        int Busy(int count, Func<int, SpendCommand> make, string principal) => Enumerable.Range(0, count).Count(i =>
            Submit(lane, make(i) with { Principal = principal }).Failure?.Fault == TenantFault.Busy);
        SpendCommand Reserve(int i) => Acme.Reserve(i, $"r{i}");
        SpendCommand Commit(int i) => Acme.Commit(i, 8, $"c{i}", tokens: 1);

        Assert.Equal(25, Busy(100, Reserve, "agents/noisy"));
        Assert.Equal(0, Busy(20, Reserve, "agents/quiet"));
        Assert.Null(Submit(lane, Acme.Open("emergency")).Failure);
        Assert.Equal(70, Busy(100, Commit, "agents/noisy"));
        Assert.Equal(0, Busy(10, Commit, "agents/quiet"));
        AnswerAll();
        Assert.Equal(25, Enumerable.Range(0, 100).Count(i =>
            Submit(lane, new SessionQuery(i)).Failure?.Fault == TenantFault.Busy));
        Assert.Equal(0, Busy(20, Reserve, "agents/noisy"));
        AnswerAll();
        Assert.Equal((0, 0), (lane.WaitingCommands, lane.WaitingSettlements));
        Assert.Equal(0, Busy(70, Reserve, "agents/noisy"));
    }

    [Fact]
    public void What_arrives_while_two_batches_are_on_their_way_leaves_as_the_third()
    {
        Lane lane = Make(new LaneOptions());
        for (int i = 0; i < 2; i++)
        {
            Submit(lane, Acme.Open($"o{i}"));
            Run();
        }

        Caller[] third = [.. Enumerable.Range(2, 50).Select(i => Submit(lane, Acme.Open($"o{i}")))];
        Run();
        Assert.Equal(Lane.BatchesInFlightMax, _sent.Count);
        Batch first = _sent.Dequeue();
        first.Replies.SetResult([new Reply(new Answer(Outcome.Done))]);
        Run();
        Assert.Equal([1, 50], _sent.Select(batch => batch.Commands.Length));
        Assert.Equal(third.Select(caller => caller.Command), _sent.Last().Commands);
    }

    private Lane Make(LaneOptions options) =>
        new(Acme.Tenant, options, Carry, _soon.Enqueue, NullLogger.Instance);

    private static Caller Submit(Lane lane, Command command)
    {
        Caller caller = new();
        caller.Ask(command);
        lane.Submit(caller);
        return caller;
    }

    private Task<Reply[]> Carry(Command[] commands)
    {
        Batch batch = new(commands, new TaskCompletionSource<Reply[]>());
        _sent.Enqueue(batch);
        return batch.Replies.Task;
    }

    private void Run()
    {
        while (_soon.TryDequeue(out IThreadPoolWorkItem? work)) work.Execute();
    }

    private void AnswerAll()
    {
        Run();
        while (_sent.TryDequeue(out Batch? batch))
        {
            batch.Replies.SetResult([.. batch.Commands.Select(_ => new Reply(new Answer(Outcome.Done)))]);
            Run();
        }
    }

    private sealed record Batch(Command[] Commands, TaskCompletionSource<Reply[]> Replies);

    private sealed class Caller : PendingCommand
    {
        protected override void Completed()
        {
        }
    }
}
