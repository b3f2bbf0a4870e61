namespace AgentBudget.Cluster.Tests.Support;

/// <summary>One cluster for all tests of a class that leave it well.</summary>
public sealed class RunningCluster : IAsyncLifetime
{
    private SiloCluster? _cluster;

    internal SiloCluster Cluster => _cluster ?? throw new InvalidOperationException("the cluster does not run");

    public async ValueTask InitializeAsync() => _cluster = await SiloCluster.StartAsync(StoreKinds.One);

    public async ValueTask DisposeAsync()
    {
        if (_cluster is null) return;
        string ended = string.Join('\n', _cluster.Silos.Where(silo => silo.HasEnded).Select(silo => silo.Output));
        await _cluster.DisposeAsync();
        if (ended.Length > 0) throw new InvalidOperationException($"A silo ended by itself:\n{ended}");
    }
}
