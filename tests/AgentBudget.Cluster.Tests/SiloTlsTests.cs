using System.Globalization;
using AgentBudget.Cluster.Tests.Support;
using AgentBudget.Faults.Tests;

namespace AgentBudget.Cluster.Tests;

/// <summary>Silos show each other certificates of their authority, and talk to nobody else.</summary>
public sealed class SiloTlsTests
{
    private const int Active = 3; // As Orleans numbers the states of silos.

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task Silos_of_one_authority_are_a_cluster_and_one_of_another_is_no_member()
    {
        string folder = Directory.CreateTempSubdirectory("agentbudget-silo-tls-").FullName;
        await using PostgresStoreServer store = await PostgresStoreServer.StartAsync();
        using SiloCertificates ours = new(Path.Combine(folder, "ours"));
        using SiloCertificates theirs = new(Path.Combine(folder, "theirs"));
        string key = Path.Combine(folder, "cluster.key");
        await File.WriteAllTextAsync(key, "a key of a cluster for tests that is long enough");
        await using ClusterSilo first = new(Path.Combine(folder, "1"), store.Arguments, key, ours.Make("first"));
        await using ClusterSilo second = new(Path.Combine(folder, "2"), store.Arguments, key, ours.Make("second"));
        await first.StartAsync();
        await second.StartAsync();

        // Every call of one of the two is the other's to decide.
        using BudgetClient client = new(first.AdminKey, first.Grpc, second.Grpc);
        using Diary diary = new(folder);
        using Load load = new(client, diary, Seed.Value);
        await load.SetUpAsync(clients: 2);
        load.Start();
        await load.AnsweredAsync(100, Patience);

        await using ClusterSilo stranger = new(
            Path.Combine(folder, "3"), store.Arguments, key, theirs.Make("stranger", ours.CaFile));
        stranger.Launch();
        int port = int.Parse(stranger.Address.Split(':')[^1], CultureInfo.InvariantCulture);
        using CancellationTokenSource patience = new(Patience);
        while (await store.SqlAsync($"SELECT status FROM membership WHERE port = {port}") is null)
            await Task.Delay(TimeSpan.FromMilliseconds(50), patience.Token);
        await load.AnsweredAsync(200, Patience);
        Assert.NotEqual(
            Active, await store.SqlAsync($"SELECT status FROM membership WHERE port = {port}"));
        Assert.Equal(
            2L, await store.SqlAsync($"SELECT count(*) FROM membership WHERE status = {Active}"));
        await load.StopAsync(Patience);
        Directory.Delete(folder, recursive: true);
    }
}
