using AgentBudget.Edge.Tests.Support;

namespace AgentBudget.Edge.Tests.Hostile;

/// <summary>Each case: alone, byte by byte, and again and again beside a caller who must not notice.</summary>
public sealed class HostileCaseTests(HostileServer server) : IClassFixture<HostileServer>
{
    // Enough that good calls run before, within and after them.
    private const int TimesBeside = 10;

    public static TheoryData<string> EveryCase() => [.. HostileCases.All.Select(one => one.Name)];

    [Fact]
    public void Each_case_has_its_own_name() =>
        Assert.Equal(HostileCases.All.Count, HostileCases.All.DistinctBy(one => one.Name).Count());

    [Theory]
    [MemberData(nameof(EveryCase))]
    public Task A_hostile_case_gets_its_status_and_has_no_effect(string name) => AttackAsync(name, isDripped: false);

    [Theory]
    [MemberData(nameof(EveryCase))]
    public Task A_hostile_case_sent_byte_by_byte_gets_the_same(string name) => AttackAsync(name, isDripped: true);

    [Theory]
    [MemberData(nameof(EveryCase))]
    public async Task Beside_a_hostile_case_good_callers_are_served(string name)
    {
        using CancellationTokenSource isOver = new();
        Task<int> good = ServeAsync(isOver.Token);
        for (int i = 0; i < TimesBeside; i++)
            await AttackAsync(name, isDripped: false);
        await isOver.CancelAsync();
        Assert.InRange(await good.Within("the end of the good calls"), 1, int.MaxValue);
    }

    private async Task<int> ServeAsync(CancellationToken isOver)
    {
        int served = 0;
        for (; !isOver.IsCancellationRequested; served++)
            Assert.Equal("beside", (await server.Edge.EchoAsync("beside").Within("a good call")).Text);
        return served;
    }

    private async Task AttackAsync(string name, bool isDripped)
    {
        HostileCase hostile = HostileCases.All.Single(one => one.Name == name);
        Uri address = hostile.IsHttp2 ? server.Edge.GrpcAddress : server.Edge.HttpAddress;
        Assert.Null(await HostileConnection.AttackAsync(address, hostile, isDripped));
        Assert.Equal(0, server.HostileHandled);
    }
}
