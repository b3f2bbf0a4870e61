using AgentBudget.Client.Tests.Support;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using RpcStatus = Google.Rpc.Status;

namespace AgentBudget.Client.Tests;

/// <summary>
/// A bound that callers fill is told at once, because only they make room; a queue that is full for the moment is
/// waited for. The clock stands still, so a call that waits for a retry is never answered.
/// </summary>
public sealed class BoundTests
{
    private static readonly string Catalog = TestBudget.Catalog.Replace(
        "models: [m, dear]",
        "models: [m, dear]\n    bounds: { openSessions: 2, openHolds: 1, sessionsPerMinute: 100 }",
        StringComparison.Ordinal);

    [Fact]
    public async Task A_share_that_is_full_is_told_at_once_with_its_name_and_when_to_come_back()
    {
        await using TestBudget budget = await TestBudget.StartAsync(Catalog);
        await using AgentBudgetClient client =
            budget.ClientOf(_ => { }, new FakeTimeProvider(TimeProvider.System.GetUtcNow()));
        string token = await budget.OpenAsync();
        await budget.OpenAsync();
        ReserveTokensResponse held = await client.ReserveAsync(TestBudget.Reserve(token));

        AgentBudgetException session = await Assert.ThrowsAsync<AgentBudgetException>(
            () => client.OpenSessionAsync(TestBudget.OpenRequest()).WaitAsync(TestBudget.Patience));
        AgentBudgetException hold = await Assert.ThrowsAsync<AgentBudgetException>(
            () => client.ReserveAsync(TestBudget.Reserve(token)).WaitAsync(TestBudget.Patience));

        Assert.Equal(Decision.Allow, held.Decision);
        Assert.Equal(
            ("BOUND_REACHED", StatusCode.ResourceExhausted, false),
            (session.Reason, session.StatusCode, session.MayHaveHadEffect));
        Assert.Contains("has 2 sessions open", session.Message, StringComparison.Ordinal);
        Assert.True(session.RetryAfter > TimeSpan.Zero);
        Assert.Equal(("BOUND_REACHED", StatusCode.ResourceExhausted), (hold.Reason, hold.StatusCode));
        Assert.Contains("has 1 holds open", hold.Message, StringComparison.Ordinal);
        Assert.True(hold.RetryAfter > TimeSpan.Zero);
        Assert.Equal(0, client.PendingCalls);
    }

    [Fact]
    public void A_queue_that_is_full_is_tried_again_and_a_bound_that_callers_fill_or_exceed_is_not()
    {
        RetryInfo later = new() { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(3)) };
        QuotaFailure named = new();
        named.Violations.Add(new QuotaFailure.Types.Violation { Subject = "sessions", Description = "are all open" });

        CallFault queue = FaultOf("BOUND_REACHED", later);
        CallFault queueWithoutNames = FaultOf("BOUND_REACHED", later, new QuotaFailure());
        CallFault share = FaultOf("BOUND_REACHED", later, named);
        CallFault tooLarge = FaultOf("BOUND_REACHED");

        Assert.True(queue.MayRetry(1));
        Assert.True(queueWithoutNames.MayRetry(1));
        Assert.False(share.MayRetry(1));
        Assert.False(tooLarge.MayRetry(1));
        Assert.Equal(TimeSpan.FromSeconds(3), share.RetryAfter);
        Assert.Null(tooLarge.RetryAfter);
    }

    private static CallFault FaultOf(string reason, params IMessage[] details)
    {
        RpcStatus status = new() { Code = (int)StatusCode.ResourceExhausted, Message = "full" };
        status.Details.Add(Any.Pack(new ErrorInfo { Reason = reason, Domain = "agentbudget" }));
        foreach (IMessage detail in details) status.Details.Add(Any.Pack(detail));
        return CallFault.Of(status);
    }
}
