using System.Diagnostics;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

/// <summary>A machine that slept: its wall clock is ahead, its steady clock is as it was.</summary>
public sealed class ClockJumpTests
{
    [Fact]
    public async Task After_a_jump_what_can_be_opened_can_spend_and_until_then_it_is_unavailable()
    {
        JumpingClock clock = new();
        await using TestSilo silo = await TestSilo.StartAsync(time: clock);
        OpenSessionResponse before = await silo.OpenAsync("before", request => request.Ttl = new() { Seconds = 3600 });

        // No multiple of what a correction follows, which would end on the bound.
        clock.Ahead = TimeSpan.FromMinutes(7.5);

        Assert.Equal(StatusCode.Unavailable, (await OpenRefusedAsync(silo)).StatusCode);
        RpcException spend = await Assert.ThrowsAsync<RpcException>(
            () => silo.ReserveAsync(before.SessionToken, "while-behind"));
        Assert.Equal(StatusCode.Unavailable, spend.StatusCode);
        Assert.InRange(await LagAsync(silo), 60, 460);

        OpenSessionResponse opened = await OpenInTimeAsync(silo);
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "after");
        Assert.Equal(Decision.Allow, reserved.Decision);
        await silo.CommitAsync(opened.SessionToken, "commit", reserved.Reservation.ReservationId, input: 10);
        Assert.Equal(Decision.Allow, (await silo.ReserveAsync(before.SessionToken, "old")).Decision);
        Assert.InRange(await LagAsync(silo), 0, 60);
    }

    [Fact]
    public async Task What_is_held_is_settled_while_log_time_catches_up()
    {
        JumpingClock clock = new();
        await using TestSilo silo = await TestSilo.StartAsync(time: clock);
        OpenSessionResponse opened = await silo.OpenAsync();
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "hold");

        clock.Ahead = TimeSpan.FromHours(2);
        CommitTokensResponse committed = await silo.CommitAsync(
            opened.SessionToken, "commit", reserved.Reservation.ReservationId, input: 10);

        Assert.Equal(10, committed.Settled.Tokens);
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

    private static async Task<double> LagAsync(TestSilo silo)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, $"http://{silo.Host.Http}/metrics");
        request.Headers.Authorization = new("Bearer", silo.AdminKey);
        using HttpResponseMessage response = await silo.Http.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        string line = text.Split('\n').First(
            metric => metric.StartsWith("agentbudget_log_time_lag", StringComparison.Ordinal));
        return double.Parse(
            line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    private sealed class JumpingClock : TimeProvider
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Ahead;
    }
}
