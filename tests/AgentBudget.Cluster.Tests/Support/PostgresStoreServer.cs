using AgentBudget.Storage;
using AgentBudget.Storage.Postgres;
using AgentBudget.Storage.Tests.Postgres;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Cluster.Tests.Support;

/// <summary>A database of a PostgreSQL server of its own.</summary>
internal sealed class PostgresStoreServer : StoreServer
{
    private readonly PostgresServer _server;
    private readonly string _database;

    private PostgresStoreServer(PostgresServer server, string database)
    {
        _server = server;
        _database = database;
    }

    public override IReadOnlyList<string> Connection => ["--postgres", _server.Connection(_database)];

    public override IReadOnlyList<int> Ports => [_server.Port];

    protected override IReadOnlyList<string> NowhereConnection =>
        ["--postgres", "Host=127.0.0.1;Port=1;Database=nowhere;Username=silo"];

    protected override string Kind => "postgres";

    public static async Task<PostgresStoreServer> StartAsync()
    {
        PostgresServer server = await PostgresServer.StartAsync();
        return new PostgresStoreServer(server, await server.CreateStoreAsync());
    }

    /// <summary>Runs a statement in the store's database; answers the first value.</summary>
    public Task<object?> SqlAsync(string sql) => _server.SqlAsync(_database, sql);

    public override async Task<string?> OwnerAddressAsync(string tenant) =>
        (string?)await SqlAsync($"SELECT owner_address FROM tenant WHERE name = '{tenant}'");

    public override async Task<ISharedStore> OpenAsync() => await PostgresStore.OpenAsync(
        new PostgresStoreOptions { Connection = _server.Connection(_database) },
        TimeProvider.System,
        NullLoggerFactory.Instance,
        CancellationToken.None);

    public override ValueTask DisposeAsync() => _server.DisposeAsync();
}
