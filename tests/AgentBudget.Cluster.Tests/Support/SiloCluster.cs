using AgentBudget.Audit;
using AgentBudget.Cluster.Tests.Network;
using AgentBudget.Faults.Tests;
using AgentBudget.Storage;

namespace AgentBudget.Cluster.Tests.Support;

/// <summary>Three silos on loopback over a store of their own.</summary>
internal sealed class SiloCluster : IAsyncDisposable
{
    public const string Tenant = "acme";

    private const int Size = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-cluster-");
    private readonly StoreServer _store;
    private ClusterNetwork? _network;

    private SiloCluster(StoreServer store)
    {
        _store = store;
        KeyFile = WriteKey("cluster.key");
    }

    public IReadOnlyList<ClusterSilo> Silos { get; private set; } = [];

    /// <summary>Between silos that have namespaces of their own.</summary>
    public ClusterNetwork Network => _network ?? throw new InvalidOperationException("all are on one loopback");

    public string KeyFile { get; }

    public string Folder => _folder.FullName;

    public string AdminKey => Silos[0].AdminKey;

    public static async Task<SiloCluster> StartAsync(StoreKind kind)
    {
        SiloCluster cluster = new(await StoreServer.StartAsync(kind));
        cluster.Silos = [.. Enumerable.Range(1, Size).Select(number => cluster.NewSilo($"silo{number}"))];
        await cluster.StartAllAsync();
        return cluster;
    }

    /// <summary>Three silos in network namespaces of their own, and the store in a fourth.</summary>
    public static async Task<SiloCluster> StartApartAsync(StoreKind kind, int seed)
    {
        StoreServer store = await StoreServer.StartAsync(kind);
        SiloCluster cluster = new(store);
        cluster._network = await ClusterNetwork.CreateAsync(cluster.Folder, Size, store.Ports, seed);
        cluster.Silos = [.. Enumerable.Range(0, Size).Select(place => cluster._network.NewSilo(
            place, Path.Combine(cluster.Folder, $"silo{place + 1}"), store.Arguments, cluster.KeyFile))];
        await cluster.StartAllAsync();
        return cluster;
    }

    /// <summary>A client whose calls go to one silo after the other.</summary>
    public BudgetClient Client() => new(AdminKey, [.. Silos.Select(silo => (silo.Grpc, silo.Handler()))]);

    /// <summary>One more silo on the same store, not started.</summary>
    public ClusterSilo NewSilo(string name, string? keyFile = null) =>
        new(Path.Combine(Folder, name), _store.Arguments, keyFile ?? KeyFile);

    /// <summary>One more silo that is told of a store which is not there, not started.</summary>
    public ClusterSilo NewLostSilo(string name) => new(Path.Combine(Folder, name), _store.Nowhere, KeyFile);

    /// <summary>A file with a key of some cluster.</summary>
    public string WriteKey(string name)
    {
        string path = Path.Combine(Folder, name);
        File.WriteAllText(path, $"a key of a cluster for tests that is long enough: {name}\n");
        return path;
    }

    /// <summary>The silo that owns the tenant, as the store says.</summary>
    public async Task<ClusterSilo> OwnerAsync()
    {
        string? address = await _store.OwnerAddressAsync(Tenant);
        return Silos.Single(silo => silo.Address == address);
    }

    /// <summary>Completes when another silo owns the tenant.</summary>
    public async Task<ClusterSilo> OwnedByAnotherThanAsync(ClusterSilo former)
    {
        using CancellationTokenSource patience = new(Patience);
        while (true)
        {
            ClusterSilo owner = await OwnerAsync();
            if (owner != former) return owner;
            await Task.Delay(PollInterval, patience.Token);
        }
    }

    /// <summary>Audits the ledger in the store, apart from every silo: nothing may be wrong with it.</summary>
    public async Task AuditAsync()
    {
        await using ISharedStore store = await _store.OpenAsync();
        AuditReport report = await LedgerVerifier.VerifyAsync(
            store, Tenant, VerifyScope.Whole, progress: null, CancellationToken.None);
        Assert.Empty(report.Findings);
        Assert.True(report.Events > 0);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ClusterSilo silo in Silos) await silo.DisposeAsync();
        if (_network is not null) await _network.DisposeAsync();
        await _store.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task StartAllAsync()
    {
        try
        {
            await Task.WhenAll(Silos.Select(silo => silo.StartAsync()));
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }
}
