namespace AgentBudget.Storage.Tests.Postgres;

/// <summary>One server for all tests of the collection, which run one after the other.</summary>
public sealed class PostgresServers : IAsyncLifetime
{
    private PostgresServer? _server;

    internal PostgresServer Server => _server ?? throw new InvalidOperationException("the server does not run");

    public async ValueTask InitializeAsync() => _server = await PostgresServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
    }
}

/// <summary>The tests that use the server.</summary>
[CollectionDefinition(Name)]
public sealed class PostgresTests : ICollectionFixture<PostgresServers>
{
    public const string Name = "PostgreSQL";
}
