using AgentBudget.Storage;

namespace AgentBudget.Cluster.Tests.Support;

/// <summary>What a cluster shares: which tests run over each of them.</summary>
public enum StoreKind
{
    Postgres,
    Azure,
}

/// <summary>Which stores a run is about.</summary>
public static class StoreKinds
{
    private static readonly StoreKind? Chosen =
        Environment.GetEnvironmentVariable("AGENTBUDGET_CLUSTER_STORE") is { Length: > 0 } name
            ? Enum.Parse<StoreKind>(name, ignoreCase: true)
            : null;

    /// <summary>Of tests that have no time for more than one.</summary>
    public static StoreKind One => Chosen ?? StoreKind.Postgres;

    /// <summary>The one that was chosen, otherwise all.</summary>
    public static TheoryData<StoreKind> All => Chosen is { } one ? [one] : [.. Enum.GetValues<StoreKind>()];
}

/// <summary>A store of its own for one cluster, and the server that it is in.</summary>
internal abstract class StoreServer : IAsyncDisposable
{
    /// <summary>How a person names the store to the silo's program.</summary>
    public abstract IReadOnlyList<string> Connection { get; }

    /// <summary>How a silo is told to use it.</summary>
    public IReadOnlyList<string> Arguments => ["--store", Kind, .. Connection];

    /// <summary>How a silo is told of a store of that kind which is not there.</summary>
    public IReadOnlyList<string> Nowhere => ["--store", Kind, .. NowhereConnection];

    /// <summary>Where it listens on loopback.</summary>
    public abstract IReadOnlyList<int> Ports { get; }

    protected abstract IReadOnlyList<string> NowhereConnection { get; }

    /// <summary>What the setting store calls it.</summary>
    protected abstract string Kind { get; }

    /// <summary>Starts a server with an empty store.</summary>
    public static async Task<StoreServer> StartAsync(StoreKind kind) => kind switch
    {
        StoreKind.Postgres => await PostgresStoreServer.StartAsync(),
        StoreKind.Azure => await AzureStoreServer.StartAsync(),
    };

    /// <summary>The address of the silo that owns a tenant, as the store says; null when nobody does.</summary>
    public abstract Task<string?> OwnerAddressAsync(string tenant);

    /// <summary>The store, apart from every silo.</summary>
    public abstract Task<ISharedStore> OpenAsync();

    public abstract ValueTask DisposeAsync();
}
