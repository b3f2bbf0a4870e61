using AgentBudget.Grains.Replays;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Identity;
using AgentBudget.Storage.InMemory;

namespace AgentBudget.Grains.Tests;

/// <summary>What is used once is used once in the whole cluster, whoever remembers it.</summary>
public sealed class ReplayTests : IDisposable
{
    private static readonly ProofOwner Writer = new(Acme.Tenant, "agents/writer");
    private static readonly ProofOwner Reader = new(Acme.Tenant, "agents/reader");
    private static readonly ProofOwner Operator = new("", "admin");

    private static int _fresh;

    // Ids say themselves when they were issued; nothing here waits for it.
    private readonly long _now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 100;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-replay-");
    private readonly ClusterKey _key;

    public ReplayTests()
    {
        string file = Path.Combine(_folder.FullName, "cluster.key");
        File.WriteAllText(file, "a key of a cluster for tests that is long enough");
        _key = ClusterKey.Load(file);
    }

    public static TheoryData<string> Kinds => [ReplayKind.Proofs.Name, ReplayKind.Assertions.Name];

    public void Dispose()
    {
        _key.Dispose();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_is_used_at_one_silo_is_refused_at_every_other_and_a_fresh_one_is_taken(string name)
    {
        ReplayKind kind = ReplayKind.Of(name);
        await using TestCluster cluster = await StartAsync();
        for (int first = 0; first < cluster.Silos.Count; first++)
        {
            string id = $"id-{first}";
            Assert.Equal(ProofOutcome.Taken, await UseAsync(cluster.Silos[first], kind, id, _now));
            foreach (ClusterSilo silo in cluster.Silos)
                Assert.Equal(ProofOutcome.Refused, await UseAsync(silo, kind, id, _now));
        }

        ClusterSilo other = cluster.AnotherThan(cluster.HomeOf(Grain(cluster, kind))!);
        Assert.Equal(ProofOutcome.Taken, await UseAsync(other, kind, "reader's", _now, Reader));
        Assert.Equal(ProofOutcome.Taken, await UseAsync(other, kind, "the operator's", _now, Operator));
        Assert.Equal(ProofOutcome.Refused, await UseAsync(cluster.Silos[0], kind, "the operator's", _now, Operator));
    }

    [Fact]
    public async Task Of_uses_of_one_id_at_all_silos_at_once_exactly_one_is_taken()
    {
        await using TestCluster cluster = await StartAsync();
        for (int round = 0; round < 50; round++)
        {
            ProofOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(0, 12).Select(
                place => UseAsync(cluster.Silos[place % 3], ReplayKind.Proofs, $"id-{round}", _now + round)));
            Assert.Single(outcomes, ProofOutcome.Taken);
            Assert.Equal(11, outcomes.Count(outcome => outcome == ProofOutcome.Refused));
        }
    }

    [Fact]
    public async Task What_was_used_stays_refused_when_its_owner_leaves_moves_stops_or_is_killed()
    {
        ReplayKind kind = ReplayKind.Proofs;
        await using TestCluster cluster = await StartAsync();
        IReplayGrain grain = Grain(cluster, kind);
        List<(string Id, long Issued)> used = [];
        long issued = _now;
        Func<Task>[] changes =
        [
            () => cluster.DeactivateAsync(grain),
            () => cluster.MigrateAsync(grain, cluster.AnotherThan(cluster.HomeOf(grain)!)),
            () => cluster.StopAsync(cluster.HomeOf(grain)!),
            () => cluster.KillAsync(cluster.HomeOf(grain)!),
        ];
        foreach (Func<Task> change in changes)
        {
            foreach (ClusterSilo silo in cluster.Silos)
            {
                used.Add((await TakeFreshAsync(silo, kind, issued), issued));
                issued++;
            }

            await change();
            foreach (ClusterSilo silo in cluster.Silos)
            {
                foreach ((string id, long at) in used)
                    Assert.Equal(ProofOutcome.Refused, await UntilKnownAsync(silo, kind, id, at));
            }

            issued += 10; // Later than anything that was told.
        }

        await TakeFreshAsync(cluster.Silos[0], kind, issued);
    }

    private async Task<TestCluster> StartAsync()
    {
        SharedKeys keys = new(new InMemorySecrets(new Guid("0f0e0d0c-0b0a-0908-0706-050403020100")), _key);
        await SharedReplayMemory.BeginAsync(keys, TimeProvider.System, default);
        return await TestCluster.StartAsync(
            new ClusterSetup { Configure = silo => silo.Services.AddClusterReplayMemory(keys) });
    }

    private static IReplayGrain Grain(TestCluster cluster, ReplayKind kind) =>
        cluster.Grains.GetGrain<IReplayGrain>($"{Acme.Tenant}/{kind.Name}");

    private static Task<ProofOutcome> UseAsync(
        ClusterSilo silo, ReplayKind kind, string id, long issuedSeconds, ProofOwner? owner = null) =>
        Waiting.WithinAsync(
            silo.Replays(kind).TryUseAsync(owner ?? Writer, id, issuedSeconds, issuedSeconds).AsTask(),
            $"a use of {id}");

    // As a caller does who is told to come again with a fresh one.
    private static async Task<string> TakeFreshAsync(ClusterSilo silo, ReplayKind kind, long issued)
    {
        string id = "";
        ProofOutcome outcome = ProofOutcome.Unknown;
        await Waiting.UntilAsync(
            async () =>
            {
                id = $"fresh-{Interlocked.Increment(ref _fresh)}";
                outcome = await UseAsync(silo, kind, id, issued);
                return outcome != ProofOutcome.Unknown;
            },
            "an answer to a fresh one");
        Assert.Equal(ProofOutcome.Taken, outcome);
        return id;
    }

    private static async Task<ProofOutcome> UntilKnownAsync(ClusterSilo silo, ReplayKind kind, string id, long issued)
    {
        ProofOutcome outcome = ProofOutcome.Unknown;
        await Waiting.UntilAsync(
            async () => (outcome = await UseAsync(silo, kind, id, issued)) != ProofOutcome.Unknown, $"a use of {id}");
        return outcome;
    }
}
