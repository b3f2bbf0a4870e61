using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;

namespace AgentBudget.Grains.Tests;

/// <summary>A tenant that is stopped, killed, moved and put out of memory under load stays exact.</summary>
public sealed class HandOverTests(ITestOutputHelper output)
{
    private const int SeedDefault = 20_261_129;

    private enum HandOver
    {
        Deactivate,
        Migrate,
        StopOwner,
        KillOwner,
    }

    [Fact]
    public async Task Fifty_hand_overs_under_load_lose_nothing_and_double_nothing()
    {
        // Limited so that about half of the callers find room.
        await using TestCluster cluster = await TestCluster.StartAsync();
        long[] sessions = await Acme.BeginAsync(cluster.Silos[0], sessions: 16, limitNanos: 8 * Acme.CallNanos);
        Callers callers = new(cluster, sessions);
        foreach (HandOver handOver in Plan())
        {
            await callers.AnsweredAsync(100);
            await HandOverAsync(cluster, handOver);
        }

        await callers.AnsweredAsync(100);
        await callers.StopAsync();
        await callers.AssertEffectsAsync();
        Assert.Empty(callers.Faults.Except([TenantFault.NotReady, TenantFault.OutcomeUnknown]));
        output.WriteLine($"{callers.Answered} answers");
    }

    private HandOver[] Plan()
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("AGENTBUDGET_SEED"), out int given)
            ? given
            : SeedDefault;
        output.WriteLine($"AGENTBUDGET_SEED={seed}");
        HandOver[] plan =
        [
            .. Enumerable.Repeat(HandOver.Deactivate, 22),
            .. Enumerable.Repeat(HandOver.Migrate, 22),
            .. Enumerable.Repeat(HandOver.StopOwner, 3),
            .. Enumerable.Repeat(HandOver.KillOwner, 3),
        ];
        new Random(seed).Shuffle(plan);
        return plan;
    }

    private static async Task HandOverAsync(TestCluster cluster, HandOver handOver)
    {
        ITenantGrain grain = cluster.TenantGrain();
        if (cluster.HomeOf(grain) is not { } home) return;
        switch (handOver)
        {
            case HandOver.Deactivate:
                await cluster.DeactivateAsync(grain);
                break;
            case HandOver.Migrate:
                await cluster.MigrateAsync(grain, cluster.AnotherThan(home));
                break;
            case HandOver.StopOwner:
                await cluster.StopAsync(home);
                await cluster.StartSiloAsync();
                break;
            case HandOver.KillOwner:
                await cluster.KillAsync(home);
                await cluster.StartSiloAsync();
                break;
        }
    }
}
