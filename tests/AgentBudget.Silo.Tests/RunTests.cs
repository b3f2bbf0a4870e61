using AgentBudget.Protocol.V1;
using Google.Rpc;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

public sealed class RunTests
{
    [Fact]
    public async Task A_session_opens_subagents_with_its_own_token_and_their_spend_counts_on_it()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse root = await silo.OpenAsync();

        OpenSessionResponse child = await OpenBelowAsync(silo, "child", bearer: root.SessionToken);
        OpenSessionResponse grandchild = await OpenBelowAsync(silo, "grandchild", parent: child.SessionToken);
        await silo.ReserveAsync(grandchild.SessionToken, "r1");

        Assert.Equal((root.Session.Session_, 1), (child.Session.Parent, child.Session.Depth));
        Assert.Equal((root.Session.Session_, 2), (grandchild.Session.Run, grandchild.Session.Depth));
        Assert.Equal("user:kim@acme.test", grandchild.Session.OnBehalfOf);
        IReadOnlyList<GrainBalance> path = await silo.BalanceAsync(grandchild.SessionToken);
        Assert.Equal(
            [grandchild.Session.Session_, child.Session.Session_, root.Session.Session_],
            path.Take(3).Select(grain => grain.Grain));
        Assert.All(path, grain => Assert.Equal(1_000_000, grain.Held.Nanos));
    }

    [Fact]
    public async Task A_session_opens_nothing_but_its_own_subagents()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse mine = await silo.OpenAsync("mine");
        OpenSessionResponse other = await silo.OpenAsync("other");

        RpcException foreign = await Assert.ThrowsAsync<RpcException>(
            () => OpenBelowAsync(silo, "child", parent: other.SessionToken, bearer: mine.SessionToken));

        Assert.Equal(StatusCode.PermissionDenied, foreign.StatusCode);
    }

    [Fact]
    public async Task A_run_ceiling_answers_how_many_are_left()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await silo.ApplyAsync(
            Catalogs.Small.Replace("openHolds: 10000", "run: { subagents: 3 }", StringComparison.Ordinal), "narrower");
        OpenSessionResponse root = await silo.OpenAsync();

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            () => OpenBelowAsync(silo, "all", parent: root.SessionToken, planned: 400));
        OpenSessionResponse first = await OpenBelowAsync(silo, "first", parent: root.SessionToken, planned: 3);

        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        ErrorInfo info = refused.GetRpcStatus()?.GetDetail<ErrorInfo>()!;
        Assert.Equal(
            ("ceilings.run.subagents", "3", "3"),
            (info.Metadata["ceiling"], info.Metadata["limit"], info.Metadata["left"]));
        Assert.Equal(2, first.SubagentsLeft);
    }

    [Fact]
    public async Task The_end_of_a_session_takes_the_tokens_of_everything_below_it()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse root = await silo.OpenAsync();
        OpenSessionResponse child = await OpenBelowAsync(silo, "child", parent: root.SessionToken);
        ReserveTokensResponse held = await silo.ReserveAsync(child.SessionToken, "r1");

        await silo.CallAsync<RevokeSessionRequest, RevokeSessionResponse>(
            "RevokeSession",
            new RevokeSessionRequest { RequestId = "e", Session = root.Session.Session_, Reason = "leaked" });

        ReserveTokensResponse denied = await silo.ReserveAsync(child.SessionToken, "r2");
        Assert.Equal(Reason.SessionRevoked, denied.Denial.Reason);
        CommitTokensResponse late =
            await silo.CommitAsync(child.SessionToken, "c1", held.Reservation.ReservationId, input: 1000);
        Assert.True(late.Late);
    }

    private static Task<OpenSessionResponse> OpenBelowAsync(
        TestSilo silo, string requestId, string parent = "", string? bearer = null, long planned = 0) =>
        silo.CallAsync<OpenSessionRequest, OpenSessionResponse>(
            "OpenSession",
            new OpenSessionRequest
            {
                RequestId = requestId,
                ParentSessionToken = parent,
                SubagentsPlanned = planned,
            },
            bearer);
}
