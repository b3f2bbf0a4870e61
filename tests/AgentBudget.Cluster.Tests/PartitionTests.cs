using System.Diagnostics;
using AgentBudget.Cluster.Tests.Network;
using AgentBudget.Cluster.Tests.Support;
using AgentBudget.Faults.Tests;

namespace AgentBudget.Cluster.Tests;

/// <summary>
/// The network between silos, and to the store, is cut, cut one way, slow and lossy, under load that comes in at all
/// silos. Each silo has a network namespace of its own. AGENTBUDGET_PARTITIONS says how many faults a run has, one kind
/// after the other; eng/faults/partition.sh sets it.
/// </summary>
public sealed class PartitionTests(ITestOutputHelper output)
{
    private const int Clients = 12;
    private const int GivenUpPercent = 5;
    private const int LossPercent = 10;
    private const int RepeatedCalls = 50; // Each of them reads what it was answered from the store.

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(180);
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(200);

    /// <summary>Above the detection time, and above the time that an append waits for its answer.</summary>
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(15);

    private enum Fault
    {
        Loss,
        Delay,
        OwnerCutOff,
        OwnerUnheard,
        OwnerDeaf,
        StoreCutOff,
        StoreUnheard,
        StoreDeaf,
    }

    [Fact]
    public async Task Every_acknowledged_call_outlives_cuts_delay_and_loss_and_all_silos_serve_again()
    {
        StoreKind kind = StoreKinds.One;
        int faults = Seed.Number("AGENTBUDGET_PARTITIONS", otherwise: 1, max: 1_000);
        string told = $"{kind}, seed {Seed.Value}, {faults} faults";
        output.WriteLine(told);
        await using SiloCluster cluster = await SiloCluster.StartApartAsync(kind, Seed.Value);
        using BudgetClient client = cluster.Client();
        using Diary diary = new(cluster.Folder);
        using Load load = new(client, diary, Seed.Value) { GivenUpPercent = GivenUpPercent };
        await load.SetUpAsync(Clients);
        load.Start();
        for (int fault = 0; fault < faults; fault++)
        {
            await load.AnsweredAsync(200, Patience);
            await BreakAsync(cluster, load, (Fault)(fault % Enum.GetValues<Fault>().Length));
        }

        await load.StopAsync(Patience);
        await new Verdict(client, load, diary, told, RepeatedCalls).ReachAsync();
        await cluster.AuditAsync();
        Assert.True(cluster.Network.Wire.Lost > 0);
    }

    private async Task BreakAsync(SiloCluster cluster, Load load, Fault fault)
    {
        ClusterSilo owner = await cluster.OwnerAsync();
        int place = Enumerable.Range(0, cluster.Silos.Count).Single(silo => cluster.Silos[silo] == owner);
        long lost = cluster.Network.Wire.Lost;
        Set(cluster.Network, fault, place);
        await Task.Delay(Length);
        cluster.Network.Wire.Mend();
        Stopwatch time = Stopwatch.StartNew();
        await load.AnsweredAsync(Clients, Patience);
        TimeSpan served = time.Elapsed;
        bool isTaken = await cluster.OwnerAsync() != owner;
        ClusterSilo[] ended = [.. cluster.Silos.Where(silo => silo.HasEnded)];
        await Task.WhenAll(ended.Select(silo => silo.StartAsync()));
        await load.AnsweredAsync(200, Patience);
        output.WriteLine(
            $"{fault}: served {served.TotalSeconds:F1} s after its end, owner {(isTaken ? "taken over" : "kept")}, "
            + $"{ended.Length} silos had ended, {cluster.Network.Wire.Lost - lost} packets lost");
    }

    private static void Set(ClusterNetwork network, Fault fault, int owner)
    {
        switch (fault)
        {
            case Fault.Loss:
                network.SetAll(new Way(LossPercent: LossPercent));
                break;
            case Fault.Delay:
                network.SetAll(new Way(Delay: Delay));
                break;
            case Fault.OwnerCutOff:
                network.SetAround(owner, towards: Way.Cut, from: Way.Cut);
                break;
            case Fault.OwnerUnheard:
                network.SetAround(owner, towards: Way.Whole, from: Way.Cut);
                break;
            case Fault.OwnerDeaf:
                network.SetAround(owner, towards: Way.Cut, from: Way.Whole);
                break;
            case Fault.StoreCutOff:
                network.Wire.SetBoth(owner, network.StorePlace, Way.Cut);
                break;
            case Fault.StoreUnheard:
                network.Wire.Set(network.StorePlace, owner, Way.Cut);
                break;
            case Fault.StoreDeaf:
                network.Wire.Set(owner, network.StorePlace, Way.Cut);
                break;
        }
    }
}
