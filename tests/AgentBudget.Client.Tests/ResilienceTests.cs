using System.Globalization;
using AgentBudget.Client.Tests.Support;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Client.Tests;

/// <summary>
/// Restarts of the silo and cut connections under load. AGENTBUDGET_CLIENT_CALLERS and AGENTBUDGET_CLIENT_RESTARTS
/// make the run longer, as <c>eng/client.sh</c> does; AGENTBUDGET_CLIENT_SEED repeats its chance.
/// </summary>
public sealed class ResilienceTests(ITestOutputHelper output)
{
    private const int SessionsOpen = 20;
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(60);

    // Of what a machine that is busy with other work may take to run a continuation.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Restarts_under_load_lose_no_acknowledged_call_and_repeat_none()
    {
        int callers = Number("AGENTBUDGET_CLIENT_CALLERS", otherwise: 1_000);
        int restarts = Number("AGENTBUDGET_CLIENT_RESTARTS", otherwise: 2);
        await using TestBudget budget = await TestBudget.StartAsync();
        string[] sessions = await OpenAsync(budget);
        await using AgentBudgetClient client = budget.ClientOf(options => options.CallTimeout = CallTimeout);
        CallerLoad load = new(client, sessions);

        await load.RunAsync(callers, RestartAsync(budget, load, restarts));

        await AssertOneEffectEachAsync(budget, load, sessions);
        Assert.Empty(load.Failures);
        output.WriteLine($"{callers} callers, {restarts} restarts: {load.Acknowledged} calls, longest {load.Longest}");
    }

    [Fact]
    public async Task Connections_that_are_cut_at_random_lose_no_acknowledged_call_and_repeat_none()
    {
        int callers = Number("AGENTBUDGET_CLIENT_CALLERS", otherwise: 500);
        int cuts = Number("AGENTBUDGET_CLIENT_CUTS", otherwise: 25);
        int seed = Number("AGENTBUDGET_CLIENT_SEED", (int)(TimeProvider.System.GetTimestamp() & 0xFFFFFF) + 1);
        output.WriteLine($"AGENTBUDGET_CLIENT_SEED={seed}");
        await using TestBudget budget = await TestBudget.StartAsync();
        await using CuttingProxy proxy = new(budget.Silo.GrpcAddress);
        string[] sessions = await OpenAsync(budget);
        await using AgentBudgetClient client = budget.ClientOf(options =>
        {
            options.Address = proxy.Address;
            options.CallTimeout = CallTimeout;
        });
        CallerLoad load = new(client, sessions);

        await load.RunAsync(callers, CutAsync(proxy, load, cuts, callers, new Random(seed)));

        await AssertOneEffectEachAsync(budget, load, sessions);
        Assert.Empty(load.Failures);
        Assert.True(proxy.Cuts >= cuts, $"{proxy.Cuts} connections were cut");
        output.WriteLine($"{callers} callers, {proxy.Cuts} cuts: {load.Acknowledged} calls, longest {load.Longest}");
    }

    [Fact]
    public async Task A_network_that_swallows_everything_fails_each_call_at_its_deadline()
    {
        await using TestBudget budget = await TestBudget.StartAsync();
        await using CuttingProxy proxy = new(budget.Silo.GrpcAddress);
        string token = await budget.OpenAsync();
        await using AgentBudgetClient client = budget.ClientOf(options =>
        {
            options.Address = proxy.Address;
            options.CallTimeout = TimeSpan.FromSeconds(2);
        });
        await client.ReserveAsync(TestBudget.Reserve(token, input: 1));
        proxy.IsDeaf = true;

        Task<ReserveTokensResponse>[] spending =
            [.. Enumerable.Range(0, 50).Select(_ => client.ReserveAsync(TestBudget.Reserve(token, input: 5)))];
        Task<GetBalanceResponse> reading = client.GetBalanceAsync(new GetBalanceRequest { SessionToken = token });

        foreach (Task<ReserveTokensResponse> call in spending)
        {
            AgentBudgetTimeoutException late =
                await Assert.ThrowsAsync<AgentBudgetTimeoutException>(() => call.WaitAsync(Grace));
            Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);
            Assert.True(late.MayHaveHadEffect);
            Assert.NotEmpty(late.RequestId);
        }

        await Assert.ThrowsAsync<AgentBudgetTimeoutException>(() => reading.WaitAsync(Grace));
    }

    [Fact]
    public async Task A_service_that_is_not_there_fails_a_call_at_its_deadline_and_says_what_was_met()
    {
        await using TestBudget budget = await TestBudget.StartAsync();
        string token = await budget.OpenAsync();
        await using AgentBudgetClient client = budget.ClientOf(o => o.CallTimeout = TimeSpan.FromSeconds(1));
        await budget.Silo.StopAsync();

        AgentBudgetTimeoutException spend = await Assert.ThrowsAsync<AgentBudgetTimeoutException>(
            () => client.ReserveAsync(TestBudget.Reserve(token)).WaitAsync(Grace));
        AgentBudgetTimeoutException read = await Assert.ThrowsAsync<AgentBudgetTimeoutException>(
            () => client.GetBalanceAsync(new GetBalanceRequest { SessionToken = token }).WaitAsync(Grace));

        Assert.Contains("not answered within 1 s", spend.Message, StringComparison.Ordinal);
        Assert.Contains("Unavailable", spend.Message, StringComparison.Ordinal);
        Assert.Contains("refused", read.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reserve_that_is_given_up_on_its_way_leaves_no_hold()
    {
        await using TestBudget budget = await TestBudget.StartAsync();
        await using CuttingProxy proxy = new(budget.Silo.GrpcAddress);
        string token = await budget.OpenAsync();
        await using AgentBudgetClient client = budget.ClientOf(options => options.Address = proxy.Address);
        await client.ReserveAsync(TestBudget.Reserve(token, input: 1));
        using CancellationTokenSource cancellation = new();
        proxy.IsDeaf = true; // The reserves leave and are not answered.

        Task<ReserveTokensResponse>[] calls =
        [
            .. Enumerable.Range(0, 20)
                .Select(_ => client.ReserveAsync(TestBudget.Reserve(token, input: 100), cancellation.Token)),
        ];
        await TestWait.UntilAsync(() => client.PendingCalls == 20, "20 calls wait");
        await cancellation.CancelAsync();
        foreach (Task<ReserveTokensResponse> call in calls)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        proxy.IsDeaf = false;
        proxy.Cut(); // Sent again, they are granted now, to nobody.

        await TestWait.UntilAsync(() => client.PendingCalls == 0, "no call waits");
        Assert.Equal((1, 0), await budget.TokensOfAsync(token));
    }

    private static async Task<string[]> OpenAsync(TestBudget budget) =>
        await Task.WhenAll(Enumerable.Range(0, SessionsOpen).Select(_ => budget.OpenAsync()));

    private static async Task RestartAsync(TestBudget budget, CallerLoad load, int restarts)
    {
        for (int restart = 0; restart < restarts; restart++)
        {
            await AnsweredAsync(load, more: 2_000);
            if (restart % 2 == 0) await budget.Silo.KillAsync();
            else await budget.Silo.StopAsync();
            await budget.Silo.StartAsync();
        }

        await AnsweredAsync(load, more: 2_000);
    }

    private static async Task CutAsync(
        CuttingProxy proxy, CallerLoad load, int cuts, int callers, Random random)
    {
        while (proxy.Cuts < cuts)
        {
            await AnsweredAsync(load, more: random.Next(1, 2 * callers));
            proxy.Cut();
        }
    }

    private static Task AnsweredAsync(CallerLoad load, int more)
    {
        long wanted = load.Acknowledged + more;
        return TestWait.UntilAsync(() => load.Acknowledged >= wanted, $"{more} more answers");
    }

    private static async Task AssertOneEffectEachAsync(TestBudget budget, CallerLoad load, string[] sessions)
    {
        for (int session = 0; session < sessions.Length; session++)
        {
            (long held, long settled) = await budget.TokensOfAsync(sessions[session]);
            Assert.Equal((0, load.SettledOf(session)), (held, settled));
        }

        Assert.True(load.Longest < CallTimeout + Grace, $"a call took {load.Longest}");
    }

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : otherwise;
}
