using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

public sealed class SessionTests
{
    [Theory]
    [InlineData("end", Reason.SessionClosed, Session.Types.State.Ended)]
    [InlineData("revoke", Reason.SessionRevoked, Session.Types.State.Revoked)]
    public async Task A_session_that_stopped_cannot_spend_and_a_commit_in_flight_is_charged(
        string how, Reason reason, Session.Types.State state)
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "r1");

        Session stopped = how == "end"
            ? (await silo.CallAsync<EndSessionRequest, EndSessionResponse>(
                "EndSession", new EndSessionRequest { RequestId = "e", SessionToken = opened.SessionToken })).Session
            : (await silo.CallAsync<RevokeSessionRequest, RevokeSessionResponse>(
                "RevokeSession",
                new RevokeSessionRequest { RequestId = "e", Session = opened.Session.Session_, Reason = "leaked" }))
                .Session;

        Assert.Equal(state, stopped.State);
        ReserveTokensResponse denied = await silo.ReserveAsync(opened.SessionToken, "r2");
        Assert.Equal((Decision.Deny, reason), (denied.Decision, denied.Denial.Reason));
        CommitTokensResponse committed =
            await silo.CommitAsync(opened.SessionToken, "c1", reserved.Reservation.ReservationId, input: 1000);
        Assert.Equal(1000, committed.Settled.Tokens);
        Assert.Equal(1000, (await silo.BalanceAsync(opened.SessionToken))[2].SettledTokens);
    }

    [Fact]
    public async Task A_session_past_its_expiry_cannot_spend()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync(
            change: request => request.Ttl = Duration.FromTimeSpan(TimeSpan.FromSeconds(1)));
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "r1");
        using CancellationTokenSource patience = new(TestSilo.Patience);
        await foreach (WatchSpendResponse message in silo.WatchAsync(
            new WatchSpendRequest { FromSequence = 1 }, patience.Token))
        {
            if (message.Event?.FactCase == LedgerEvent.FactOneofCase.SessionEnded)
                break;
        }

        // The token is good for the clocks' difference yet, and the session's own state decides.
        ReserveTokensResponse denied = await silo.ReserveAsync(opened.SessionToken, "r2");
        CommitTokensResponse committed =
            await silo.CommitAsync(opened.SessionToken, "c1", reserved.Reservation.ReservationId, input: 10);

        Assert.Equal(Reason.SessionExpired, denied.Denial.Reason);
        Assert.Equal(10, committed.Settled.Tokens);
    }

    [Fact]
    public async Task A_session_acts_for_itself_with_its_own_token_and_for_nobody_else()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse mine = await silo.OpenAsync("mine");
        OpenSessionResponse other = await silo.OpenAsync("other");
        string bearer = mine.SessionToken;

        ReserveTokensResponse reserved = await silo.CallAsync<ReserveTokensRequest, ReserveTokensResponse>(
            "ReserveTokens",
            new ReserveTokensRequest
            {
                RequestId = "r1",
                Model = "m",
                Estimate = new TokenEstimate { InputTokens = 1, MaxOutputTokens = 0 },
            },
            bearer);
        Assert.Equal(Decision.Allow, reserved.Decision);
        GetSessionResponse self =
            await silo.CallAsync<GetSessionRequest, GetSessionResponse>("GetSession", new GetSessionRequest(), bearer);
        Assert.Equal(mine.Session.Session_, self.Session.Session_);

        await RefusedAsync(
            StatusCode.PermissionDenied,
            () => silo.CallAsync<ListSessionsRequest, ListSessionsResponse>(
                "ListSessions", new ListSessionsRequest(), bearer));
        await RefusedAsync(
            StatusCode.PermissionDenied,
            () => silo.CallAsync<GetBalanceRequest, GetBalanceResponse>(
                "GetBalance", new GetBalanceRequest { Grain = "tenants/acme" }, bearer));
        await RefusedAsync(
            StatusCode.PermissionDenied,
            () => silo.CallAsync<GetBalanceRequest, GetBalanceResponse>(
                "GetBalance", new GetBalanceRequest { SessionToken = other.SessionToken }, bearer));
        RpcException foreign = await RefusedAsync(
            StatusCode.NotFound,
            () => silo.CallAsync<GetSessionRequest, GetSessionResponse>(
                "GetSession", new GetSessionRequest { Session = other.Session.Session_ }, bearer));
        RpcException absent = await RefusedAsync(
            StatusCode.NotFound,
            () => silo.CallAsync<GetSessionRequest, GetSessionResponse>(
                "GetSession", new GetSessionRequest { Session = "sessions/s999999" }, bearer));
        Assert.Equal(absent.Status, foreign.Status);
    }

    [Fact]
    public async Task A_foreign_reservation_looks_like_an_absent_one()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse mine = await silo.OpenAsync("mine");
        OpenSessionResponse other = await silo.OpenAsync("other");
        ReserveTokensResponse reserved = await silo.ReserveAsync(mine.SessionToken, "r1");

        RpcException foreign = await RefusedAsync(
            StatusCode.NotFound,
            () => silo.CommitAsync(other.SessionToken, "c1", reserved.Reservation.ReservationId, 1));
        RpcException absent = await RefusedAsync(
            StatusCode.NotFound, () => silo.CommitAsync(other.SessionToken, "c2", "r99999", 1));
        RpcException unreadable = await RefusedAsync(
            StatusCode.NotFound, () => silo.CommitAsync(other.SessionToken, "c3", "hold-1", 1));

        Assert.Equal(absent.Status, foreign.Status);
        Assert.Equal(absent.Status, unreadable.Status);
    }

    [Fact]
    public async Task A_forged_token_or_key_is_unauthenticated()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        string token = (await silo.OpenAsync()).SessionToken;
        string forged = token[..^10] + (token[^10] == 'A' ? 'B' : 'A') + token[^9..];

        await RefusedAsync(StatusCode.Unauthenticated, () => silo.ReserveAsync(forged, "r1"));
        await RefusedAsync(StatusCode.Unauthenticated, () => silo.CommitAsync(forged, "r1", "r1", 1));
        foreach (string bearer in new[] { forged, "abk_" + new string('A', 43), "x", "eyJ" })
        {
            await RefusedAsync(
                StatusCode.Unauthenticated,
                () => silo.CallAsync<GetBalanceRequest, GetBalanceResponse>(
                    "GetBalance", new GetBalanceRequest { SessionToken = token }, bearer));
        }
    }

    [Fact]
    public async Task Renewing_moves_the_expiry_and_mints_a_token_that_spends()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync(
            change: request => request.Ttl = Duration.FromTimeSpan(TimeSpan.FromMinutes(1)));

        RenewSessionResponse renewed = await silo.CallAsync<RenewSessionRequest, RenewSessionResponse>(
            "RenewSession",
            new RenewSessionRequest
            {
                RequestId = "n1",
                SessionToken = opened.SessionToken,
                Ttl = Duration.FromTimeSpan(TimeSpan.FromMinutes(30)),
            });

        Assert.True(renewed.Session.ExpireTime > opened.Session.ExpireTime);
        Assert.Equal(Decision.Allow, (await silo.ReserveAsync(renewed.SessionToken, "r1")).Decision);
        ListSessionsResponse list = await silo.CallAsync<ListSessionsRequest, ListSessionsResponse>(
            "ListSessions", new ListSessionsRequest { State = Session.Types.State.Open });
        Assert.Equal(opened.Session.Session_, Assert.Single(list.Sessions).Session_);
    }

    private static async Task<RpcException> RefusedAsync(StatusCode code, Func<Task> call)
    {
        RpcException refused = await Assert.ThrowsAsync<RpcException>(call);
        Assert.Equal(code, refused.StatusCode);
        return refused;
    }
}
