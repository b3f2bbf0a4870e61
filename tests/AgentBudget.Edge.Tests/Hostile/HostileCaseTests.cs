using AgentBudget.Rpc.Tests.Support;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Hostile;

/// <summary>Each case: alone, byte by byte, and again and again beside a caller who must not notice.</summary>
public sealed class HostileCaseTests
{
    // Enough that good calls run before, within and after them.
    private const int TimesBeside = 10;

    private int _hostileHandled;

    public static TheoryData<string> EveryCase() => [.. HostileCases.All.Select(one => one.Name)];

    [Fact]
    public void Each_case_has_its_own_name() =>
        Assert.Equal(HostileCases.All.Count, HostileCases.All.DistinctBy(one => one.Name).Count());

    [Theory]
    [MemberData(nameof(EveryCase))]
    public async Task A_hostile_case_gets_its_status_and_has_no_effect(string name)
    {
        await using TestServer server = await StartAsync();
        await AttackAsync(server, name, isDripped: false);
    }

    [Theory]
    [MemberData(nameof(EveryCase))]
    public async Task A_hostile_case_sent_byte_by_byte_gets_the_same(string name)
    {
        await using TestServer server = await StartAsync();
        await AttackAsync(server, name, isDripped: true);
    }

    [Theory]
    [MemberData(nameof(EveryCase))]
    public async Task Beside_a_hostile_case_good_callers_are_served(string name)
    {
        await using TestServer server = await StartAsync();
        using CancellationTokenSource isOver = new();
        Task<int> good = ServeAsync(server, isOver.Token);
        for (int i = 0; i < TimesBeside; i++)
            await AttackAsync(server, name, isDripped: false);
        await isOver.CancelAsync();
        Assert.InRange(await good.Within("the end of the good calls"), 1, int.MaxValue);
    }

    private static async Task<int> ServeAsync(TestServer server, CancellationToken isOver)
    {
        int served = 0;
        for (; !isOver.IsCancellationRequested; served++)
            Assert.Equal("beside", (await server.EchoAsync("beside").Within("a good call")).Text);
        return served;
    }

    private async Task AttackAsync(TestServer server, string name, bool isDripped)
    {
        HostileCase hostile = HostileCases.All.Single(one => one.Name == name);
        Uri address = hostile.IsHttp2 ? server.GrpcAddress : server.HttpAddress;
        Assert.Null(await HostileConnection.AttackAsync(address, hostile, isDripped));
        Assert.Equal(0, _hostileHandled);
    }

    // Hostile requests say so in their text where they are readable; probes and good callers say something else.
    private Task<TestServer> StartAsync() => TestServer.StartAsync(setup => setup.Echo = (request, _) =>
    {
        if (request.Text == "hostile" || request.Many.Count > 0 || request.Nested is not null)
            Interlocked.Increment(ref _hostileHandled);
        return new(new EchoResponse { Text = request.Text });
    });
}
