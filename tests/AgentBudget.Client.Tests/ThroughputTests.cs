using System.Diagnostics;
using AgentBudget.Client.Tests.Support;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Client.Tests;

/// <summary>What shared streams are for. Prints the rates of both ways; no test depends on them.</summary>
public sealed class ThroughputTests(ITestOutputHelper output)
{
    private const int Callers = 256;
    private const int RoundsPerCaller = 40;

    [Fact]
    public async Task Calls_over_shared_streams_have_the_effect_of_single_calls()
    {
        await using TestBudget budget = await TestBudget.StartAsync();
        AgentBudgetClient client = budget.Client;
        Metadata none = [];
        string shared = await budget.OpenAsync(), single = await budget.OpenAsync();
        async Task SharedAsync() => await SettleAsync(
            shared, request => client.ReserveAsync(request), request => client.CommitAsync(request));
        async Task SingleAsync() => await SettleAsync(
            single,
            request => client.Budgets.ReserveTokensAsync(request, none).ResponseAsync,
            request => client.Budgets.CommitTokensAsync(request, none).ResponseAsync);

        await SharedAsync(); // The first round warms both sides up.
        await SingleAsync();
        (double Rate, double Cpu) sharedWay = await MeasuredAsync(SharedAsync);
        (double Rate, double Cpu) singleWay = await MeasuredAsync(SingleAsync);

        const long tokens = 2L * Callers * RoundsPerCaller;
        Assert.Equal((0, tokens), await budget.TokensOfAsync(shared));
        Assert.Equal((0, tokens), await budget.TokensOfAsync(single));
        output.WriteLine(
            $"shared {sharedWay.Rate:0} calls/s, {sharedWay.Cpu:0.0} us of this process a call; "
            + $"single {singleWay.Rate:0} calls/s, {singleWay.Cpu:0.0} us");
    }

    private static async Task<(double Rate, double CpuMicroseconds)> MeasuredAsync(Func<Task> work)
    {
        const int calls = 2 * Callers * RoundsPerCaller;
        TimeSpan cpuBefore = Environment.CpuUsage.TotalTime;
        long start = Stopwatch.GetTimestamp();
        await work();
        TimeSpan cpu = Environment.CpuUsage.TotalTime - cpuBefore;
        return (calls / Stopwatch.GetElapsedTime(start).TotalSeconds, cpu.TotalMicroseconds / calls);
    }

    private static Task SettleAsync(
        string token,
        Func<ReserveTokensRequest, Task<ReserveTokensResponse>> reserve,
        Func<CommitTokensRequest, Task<CommitTokensResponse>> commit) =>
        Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
        {
            for (int round = 0; round < RoundsPerCaller; round++)
            {
                ReserveTokensRequest request = TestBudget.Reserve(token, input: 1);
                request.RequestId = $"r-{Guid.CreateVersion7():N}";
                ReserveTokensResponse held = await reserve(request);
                CommitTokensRequest used = TestBudget.Commit(token, held.Reservation.ReservationId, input: 1);
                used.RequestId = $"c-{Guid.CreateVersion7():N}";
                await commit(used);
            }
        })));
}
