namespace AgentBudget.Cluster.Tests.Support;

/// <summary>One cluster for all tests of a class that leave it well.</summary>
public sealed class RunningCluster : IAsyncLifetime
{
    private SiloCluster? _cluster;

    internal SiloCluster Cluster => _cluster ?? throw new InvalidOperationException("the cluster does not run");

    public async ValueTask InitializeAsync() => _cluster = await SiloCluster.StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null) await _cluster.DisposeAsync();
    }
}
