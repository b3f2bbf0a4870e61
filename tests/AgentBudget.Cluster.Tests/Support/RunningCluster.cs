namespace AgentBudget.Cluster.Tests.Support;

/// <summary>One cluster for all tests of a class that leave it well.</summary>
public abstract class RunningCluster(StoreKind kind) : IAsyncLifetime
{
    private SiloCluster? _cluster;

    internal SiloCluster Cluster => _cluster ?? throw new InvalidOperationException("the cluster does not run");

    public async ValueTask InitializeAsync() => _cluster = await SiloCluster.StartAsync(kind);

    public async ValueTask DisposeAsync()
    {
        if (_cluster is null) return;
        string ended = string.Join('\n', _cluster.Silos.Where(silo => silo.HasEnded).Select(silo => silo.Output));
        await _cluster.DisposeAsync();
        GC.SuppressFinalize(this);
        if (ended.Length > 0) throw new InvalidOperationException($"A silo ended by itself:\n{ended}");
    }
}

/// <summary>One over PostgreSQL.</summary>
public sealed class RunningOnPostgres() : RunningCluster(StoreKind.Postgres);

/// <summary>One over Azure Storage.</summary>
public sealed class RunningOnAzure() : RunningCluster(StoreKind.Azure);
