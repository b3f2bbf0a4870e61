using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Lanes;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;

namespace AgentBudget.Grains.Tests;

/// <summary>A session that runs away takes nothing from the other sessions of its tenant.</summary>
public sealed class RunawayTests
{
    private const int BySessionMax = 64;
    private const int Siblings = 8;

    [Fact]
    public async Task A_session_that_sends_ten_times_its_bound_is_told_busy_and_its_siblings_are_answered()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup
        {
            Lanes = new LaneOptions { WaitingBySessionMax = BySessionMax, WaitingCommandsMax = 2 * BySessionMax },
        });
        ClusterSilo silo = cluster.Silos[0];
        long[] sessions = await Acme.BeginAsync(silo, sessions: Siblings + 1);
        ClusterSilo owner = cluster.HomeOf(cluster.TenantGrain())!;
        owner.Store.Faults.HoldAppends();
        Task<Answer>[] runaway = [.. Enumerable.Range(0, 10 * BySessionMax).Select(i => SubmitAsync(
            silo, Acme.Reserve(sessions[0], $"runaway{i}")))];
        Task<Answer>[] siblings = [.. Enumerable.Range(0, Siblings).SelectMany(sibling => Enumerable.Range(0, 5).Select(
            i => SubmitAsync(silo, Acme.Reserve(sessions[1 + sibling], $"sibling{sibling}-{i}"))))];
        owner.Store.Faults.ReleaseAppends();

        await Waiting.WithinAsync(Task.WhenAll(siblings), "the siblings' answers");
        int busy = 0;
        foreach (Task<Answer> call in runaway)
        {
            TenantException? fault = await FaultOfAsync(call);
            if (fault is null) continue;
            Assert.Equal(TenantFault.Busy, fault.Fault);
            busy++;
        }

        Assert.Equal(9 * BySessionMax, busy);
    }

    [Fact]
    public async Task Siblings_keep_their_calls_while_a_session_runs_away_all_the_time()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup
        {
            Lanes = new LaneOptions { WaitingBySessionMax = BySessionMax, WaitingCommandsMax = 2 * BySessionMax },
        });
        long[] sessions = await Acme.BeginAsync(cluster.Silos[0], sessions: Siblings + 1);
        using CancellationTokenSource enough = new();
        int busy = 0;
        Task[] runaway = [.. Enumerable.Range(0, 10 * BySessionMax).Select(caller => Task.Run(async () =>
        {
            for (int i = 0; !enough.IsCancellationRequested; i++)
            {
                Task<Answer> call = SubmitAsync(cluster.Silos[0], Acme.Reserve(sessions[0], $"runaway{caller}-{i}"));
                if (await FaultOfAsync(call) is { Fault: TenantFault.Busy }) Interlocked.Increment(ref busy);
                await Task.Delay(1);
            }
        }))];

        const int Calls = 50;
        int[] answered = await Waiting.WithinAsync(
            Task.WhenAll(Enumerable.Range(1, Siblings).Select(sibling => Task.Run(async () =>
            {
                int done = 0;
                for (int i = 0; i < Calls; i++)
                {
                    Task<Answer> call = SubmitAsync(
                        cluster.Silos[0], Acme.Reserve(sessions[sibling], $"sibling{sibling}-{i}"));
                    if (await FaultOfAsync(call) is null) done++;
                }

                return done;
            }))),
            "the siblings' answers");
        await enough.CancelAsync();
        await Waiting.WithinAsync(Task.WhenAll(runaway), "the runaway's end");
        Assert.True(busy > 0, "the runaway was never told");
        Assert.All(answered, done => Assert.InRange(done, 0.8 * Calls, Calls));
    }

    private static Task<Answer> SubmitAsync(ClusterSilo silo, Command command) =>
        silo.Tenants.SubmitAsync(Acme.Tenant, command).AsTask();

    private static async Task<TenantException?> FaultOfAsync(Task<Answer> call)
    {
        try
        {
            await Waiting.WithinAsync(call, "an answer");
            return null;
        }
        catch (TenantException fault)
        {
            return fault;
        }
    }
}
