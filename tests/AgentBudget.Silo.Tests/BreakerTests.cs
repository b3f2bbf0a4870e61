using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

public sealed class BreakerTests
{
    private static readonly string Watched = Catalogs.Small.Replace(
        "ceilings: { costPerSession: 50.00, openHolds: 10000 }",
        "breakers: { sameToolCall: { times: 2, suspends: run } }\n    tools: [\"crm.*\"]",
        StringComparison.Ordinal);

    [Fact]
    public async Task A_breaker_suspends_the_session_the_stream_says_why_and_a_reset_resumes_it()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await silo.ApplyAsync(Watched, "watched");
        OpenSessionResponse opened = await silo.OpenAsync();
        for (int call = 0; call < 2; call++) await SameCallAsync(silo, opened.SessionToken, $"r{call}");

        ReserveTokensResponse denied = await SameCallAsync(silo, opened.SessionToken, "r9");
        ListEntriesResponse entries = await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
            "ListEntries",
            new ListEntriesRequest { Filter = new SpendFilter { Kinds = { EventKind.BreakerTripped } } });
        ResetBreakerResponse reset = await silo.CallAsync<ResetBreakerRequest, ResetBreakerResponse>(
            "ResetBreaker",
            new ResetBreakerRequest { RequestId = "b1", Grain = opened.Session.Session_, Reason = "mended" });

        Assert.Equal((Decision.Deny, Reason.SessionSuspended), (denied.Decision, denied.Denial.Reason));
        BreakerTripped tripped = Assert.Single(entries.Entries).BreakerTripped;
        Assert.Equal(
            (Breaker.SameToolCall, 2, 2, "crm.read"), (tripped.Breaker, tripped.Count, tripped.Limit, tripped.Tool));
        Assert.Equal((opened.Session.Session_, Session.Types.State.Open), (reset.Resumed, reset.Session.State));
        Assert.Equal(Decision.Allow, (await SameCallAsync(silo, opened.SessionToken, "r10")).Decision);
    }

    [Fact]
    public async Task A_session_is_suspended_and_resumed_by_the_operator_and_not_by_itself()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();

        SuspendSessionResponse suspended = await SuspendAsync(silo, opened, "s1");
        RpcException twice = await Assert.ThrowsAsync<RpcException>(() => SuspendAsync(silo, opened, "s2"));
        RpcException itself = await Assert.ThrowsAsync<RpcException>(() => ResumeAsync(silo, "", opened.SessionToken));
        ReserveTokensResponse denied = await silo.ReserveAsync(opened.SessionToken, "r1");
        ResumeSessionResponse resumed = await ResumeAsync(silo, opened.Session.Session_, null);

        Assert.Equal(Session.Types.State.Suspended, suspended.Session.State);
        Assert.Equal(StatusCode.FailedPrecondition, twice.StatusCode);
        Assert.Equal(StatusCode.PermissionDenied, itself.StatusCode);
        Assert.Equal(Reason.SessionSuspended, denied.Denial.Reason);
        Assert.Equal(Session.Types.State.Open, resumed.Session.State);
        Assert.Equal(Decision.Allow, (await silo.ReserveAsync(opened.SessionToken, "r2")).Decision);
    }

    private static Task<ReserveTokensResponse> SameCallAsync(TestSilo silo, string token, string requestId) =>
        silo.ReserveAsync(token, requestId, change: request =>
        {
            request.Tool = "crm.read";
            request.ToolArgumentsDigest = "sha256:9f86d081";
        });

    private static Task<SuspendSessionResponse> SuspendAsync(TestSilo silo, OpenSessionResponse opened, string id) =>
        silo.CallAsync<SuspendSessionRequest, SuspendSessionResponse>(
            "SuspendSession",
            new SuspendSessionRequest { RequestId = id, SessionToken = opened.SessionToken, Reason = "odd" });

    private static Task<ResumeSessionResponse> ResumeAsync(TestSilo silo, string session, string? bearer) =>
        silo.CallAsync<ResumeSessionRequest, ResumeSessionResponse>(
            "ResumeSession",
            new ResumeSessionRequest { RequestId = "u1", Session = session, Reason = "fine" },
            bearer);
}
