using System.Diagnostics;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Tests.Support;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

/// <summary>A machine that slept: its wall clock is ahead, its steady clock is as it was.</summary>
public sealed class ClockJumpTests
{
    // Log time follows it by steps only, so it stays behind for as long as a test may take.
    private static readonly TimeSpan BeyondWhatIsFollowed = TimeSpan.FromDays(100);

    private static readonly TimeSpan Slept = TimeSpan.FromHours(2);

    private static readonly Duration Long = Duration.FromTimeSpan(TimeSpan.FromHours(12));

    private static readonly Duration Short = Duration.FromTimeSpan(Slept / 2);

    private static readonly string Catalog = Catalogs.Small.Replace(
        "openHolds: 10000", "openHolds: 10000, sessionTtl: 12h, sessionLifetime: 24h", StringComparison.Ordinal);

    [Fact]
    public async Task After_a_jump_of_two_hours_what_can_be_opened_can_spend_without_a_restart()
    {
        JumpingClock clock = new();
        await using TestSilo silo = await TestSilo.StartAsync(Catalog, time: clock);
        OpenSessionResponse before = await silo.OpenAsync("before", request => request.Ttl = Long);

        clock.Ahead = Slept;

        OpenSessionResponse opened = await OpenInTimeAsync(silo);
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "after");
        Assert.Equal(Decision.Allow, reserved.Decision);
        await silo.CommitAsync(opened.SessionToken, "commit", reserved.Reservation.ReservationId, input: 10);
        Assert.Equal(Decision.Allow, (await silo.ReserveAsync(before.SessionToken, "old")).Decision);
        Assert.InRange(await JumpingClock.LagAsync(silo), 0, 60);
    }

    [Fact]
    public async Task After_a_jump_a_session_that_should_have_expired_has_though_nobody_calls()
    {
        JumpingClock clock = new();
        await using TestSilo silo = await TestSilo.StartAsync(Catalog, time: clock);
        OpenSessionResponse stays = await silo.OpenAsync("stays", request => request.Ttl = Long);
        OpenSessionResponse ends = await silo.OpenAsync("ends", request => request.Ttl = Short);
        using CancellationTokenSource patience = new(TestSilo.Patience);
        await using IAsyncEnumerator<WatchSpendResponse> watch = silo.WatchAsync(
            new WatchSpendRequest { FromSequence = 1 }, patience.Token).GetAsyncEnumerator(patience.Token);

        clock.Ahead = Slept;

        while (await watch.MoveNextAsync() && watch.Current.Event?.SessionEnded is null) continue;
        Assert.Equal(ends.Session.Session_, watch.Current.Event!.Spender.Session);
        Assert.Equal(Decision.Allow, (await silo.ReserveAsync(stays.SessionToken, "stays")).Decision);
    }

    [Fact]
    public async Task While_log_time_is_behind_what_is_held_is_settled_and_nothing_new_is_decided()
    {
        JumpingClock clock = new();
        await using TestSilo silo = await TestSilo.StartAsync(Catalog, time: clock);
        OpenSessionResponse opened = await silo.OpenAsync("open", request => request.Ttl = Long);
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "hold");

        clock.Ahead = BeyondWhatIsFollowed;

        Assert.Equal(StatusCode.Unavailable, (await OpenRefusedAsync(silo)).StatusCode);
        RpcException spend = await Assert.ThrowsAsync<RpcException>(
            () => silo.ReserveAsync(opened.SessionToken, "while-behind"));
        Assert.Equal(StatusCode.Unavailable, spend.StatusCode);
        Assert.InRange(await JumpingClock.LagAsync(silo), 31 * 86_400, BeyondWhatIsFollowed.TotalSeconds);
        CommitTokensResponse committed = await silo.CommitAsync(
            opened.SessionToken, "commit", reserved.Reservation.ReservationId, input: 10);
        Assert.Equal(10, committed.Settled.Tokens);

        clock.Ahead = TimeSpan.Zero;
        await OpenInTimeAsync(silo);
    }

    private static async Task<RpcException> OpenRefusedAsync(TestSilo silo) =>
        await Assert.ThrowsAsync<RpcException>(() => silo.OpenAsync("refused"));

    // The silo catches up by itself; a caller does what the error tells it.
    private static async Task<OpenSessionResponse> OpenInTimeAsync(TestSilo silo)
    {
        for (long began = Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                return await silo.OpenAsync("in-time");
            }
            catch (RpcException refused) when (Stopwatch.GetElapsedTime(began) < TestSilo.Patience)
            {
                Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
                Google.Rpc.RetryInfo retry = refused.GetRpcStatus()!.GetDetail<Google.Rpc.RetryInfo>()!;
                await Task.Delay(retry.RetryDelay.ToTimeSpan());
            }
        }
    }
}
