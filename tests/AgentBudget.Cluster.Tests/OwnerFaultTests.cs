using System.Diagnostics;
using AgentBudget.Cluster.Tests.Support;
using AgentBudget.Faults.Tests;

namespace AgentBudget.Cluster.Tests;

/// <summary>
/// The tenant's owner is killed, paused and stopped under load that comes in at all silos; some of its calls are given
/// up. How often grows with AGENTBUDGET_CLUSTER_KILLS, _PAUSES and _STOPS, which eng/faults/cluster.sh sets.
/// </summary>
public sealed class OwnerFaultTests(ITestOutputHelper output)
{
    private const int Clients = 12;
    private const int GivenUpPercent = 5;
    private const int RepeatedCalls = 50; // Each of them reads what it was answered from the store.
    private const int LongForm = 4; // As many kills as the suite has no time for.

    /// <summary>Three probes, each of which waits longer than the one before.</summary>
    private static readonly TimeSpan DetectionTime = TimeSpan.FromSeconds(9);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(180);

    [Theory]
    [MemberData(nameof(StoreKinds.All), MemberType = typeof(StoreKinds))]
    public async Task Every_acknowledged_call_outlives_the_death_the_pause_and_the_stop_of_its_owner(StoreKind kind)
    {
        // The suite has time for one fault over the emulator, which is slow.
        bool isSlow = kind == StoreKind.Azure;
        int kills = Seed.Number("AGENTBUDGET_CLUSTER_KILLS", otherwise: isSlow ? 1 : 3, max: 1_000);
        int pauses = Seed.Number("AGENTBUDGET_CLUSTER_PAUSES", otherwise: isSlow ? 0 : 1, max: 1_000);
        int stops = Seed.Number("AGENTBUDGET_CLUSTER_STOPS", otherwise: isSlow ? 0 : 1, max: 1_000);
        string told = $"{kind}, seed {Seed.Value}, {kills} kills, {pauses} pauses, {stops} stops";
        output.WriteLine(told);
        Random random = new(Seed.Value);
        await using SiloCluster cluster = await SiloCluster.StartAsync(kind);
        using BudgetClient client = cluster.Client();
        using Diary diary = new(cluster.Folder);
        using Load load = new(client, diary, Seed.Value) { GivenUpPercent = GivenUpPercent };
        await load.SetUpAsync(Clients);
        load.Start();
        List<ClusterSilo> down = [];
        for (int kill = 1; kill <= kills; kill++)
        {
            await RestartAsync(down);
            await load.AnsweredAsync(random.Next(1, 500), Patience);
            down.Add(await KillOwnerAsync(cluster, load, kill));
        }

        for (int pause = 1; pause <= pauses; pause++)
        {
            await RestartAsync(down);
            await load.AnsweredAsync(random.Next(1, 500), Patience);
            if (pause % 3 == 1) down.Add(await PauseUntilTakenOverAsync(cluster, load, pause));
            else await PauseAsync(cluster, load, pause, pause % 3 == 2 ? DetectionTime / 2 : DetectionTime);
        }

        for (int stop = 1; stop <= stops; stop++)
        {
            await RestartAsync(down);
            down.Add(await StopOwnerAsync(cluster, load, stop));
        }

        await load.AnsweredAsync(100, Patience);
        await load.StopAsync(Patience);
        Stopwatch time = Stopwatch.StartNew();
        await new Verdict(client, load, diary, told, RepeatedCalls).ReachAsync();
        output.WriteLine($"verdict after {time.Elapsed.TotalSeconds:F1} s");
        await cluster.AuditAsync();
        output.WriteLine($"audited after {time.Elapsed.TotalSeconds:F1} s");
        if (kills >= LongForm) await KillAllAsync(cluster);
        int[] codes = await Task.WhenAll(cluster.Silos.Where(silo => !silo.HasEnded).Select(silo => silo.StopAsync()));
        Assert.All(codes, code => Assert.Equal(0, code));
        output.WriteLine($"ended after {time.Elapsed.TotalSeconds:F1} s");
    }

    private async Task<ClusterSilo> KillOwnerAsync(SiloCluster cluster, Load load, int kill)
    {
        ClusterSilo owner = await cluster.OwnerAsync();
        Stopwatch time = Stopwatch.StartNew();
        await owner.KillAsync();
        await cluster.OwnedByAnotherThanAsync(owner);
        TimeSpan owned = time.Elapsed;
        await load.AnsweredAsync(Clients, Patience);
        output.WriteLine(
            $"kill {kill}: owned again after {owned.TotalSeconds:F1} s, served after {time.Elapsed.TotalSeconds:F1} s");
        return owner;
    }

    // With nobody left who could say that the others are dead.
    private async Task KillAllAsync(SiloCluster cluster)
    {
        foreach (ClusterSilo silo in cluster.Silos.Where(silo => !silo.HasEnded)) await silo.KillAsync();
        Stopwatch time = Stopwatch.StartNew();
        await cluster.Silos[0].StartAsync();
        output.WriteLine($"all killed: one serves again after {time.Elapsed.TotalSeconds:F1} s");
        await cluster.AuditAsync();
    }

    // Long enough that the others find it dead; it then writes nothing more, and ends itself or is told.
    private async Task<ClusterSilo> PauseUntilTakenOverAsync(SiloCluster cluster, Load load, int pause)
    {
        ClusterSilo owner = await cluster.OwnerAsync();
        Stopwatch time = Stopwatch.StartNew();
        await owner.PauseAsync();
        await cluster.OwnedByAnotherThanAsync(owner);
        output.WriteLine($"pause {pause}: owned again after {time.Elapsed.TotalSeconds:F1} s");
        await load.AnsweredAsync(Clients, Patience);
        await owner.ContinueAsync();
        await load.AnsweredAsync(100, Patience);
        if (!owner.HasEnded) await owner.KillAsync();
        return owner;
    }

    // Whether the others find it dead is chance; if they do, it ends itself.
    private async Task PauseAsync(SiloCluster cluster, Load load, int pause, TimeSpan length)
    {
        ClusterSilo owner = await cluster.OwnerAsync();
        await owner.PauseAsync();
        await Task.Delay(length);
        await owner.ContinueAsync();
        await load.AnsweredAsync(100, Patience);
        bool isTaken = await cluster.OwnerAsync() != owner;
        output.WriteLine($"pause {pause}: of {length.TotalSeconds:F1} s, {(isTaken ? "taken over" : "kept")}");
        if (!isTaken) return;
        if (!owner.HasEnded) await owner.KillAsync();
        await owner.StartAsync();
    }

    // Both together, once only one is left: it serves meanwhile.
    private static async Task RestartAsync(List<ClusterSilo> down)
    {
        if (down.Count < 2) return;
        await Task.WhenAll(down.Select(silo => silo.StartAsync()));
        down.Clear();
    }

    private async Task<ClusterSilo> StopOwnerAsync(SiloCluster cluster, Load load, int stop)
    {
        ClusterSilo owner = await cluster.OwnerAsync();
        Stopwatch time = Stopwatch.StartNew();
        Task<int> stopped = owner.StopAsync();
        await cluster.OwnedByAnotherThanAsync(owner);
        TimeSpan owned = time.Elapsed;
        Assert.Equal(0, await stopped);
        output.WriteLine(
            $"stop {stop}: owned again after {owned.TotalSeconds:F1} s, ended after {time.Elapsed.TotalSeconds:F1} s");
        await load.AnsweredAsync(Clients, Patience);
        return owner;
    }
}
