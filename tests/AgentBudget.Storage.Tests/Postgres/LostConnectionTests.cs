using AgentBudget.Storage.Postgres;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Storage.Tests.Postgres;

/// <summary>
/// Connections are ended and the server crashes while groups are committed. In the end each group is there once. The
/// numbers grow with AGENTBUDGET_POSTGRES_KILLS and AGENTBUDGET_POSTGRES_CRASHES, which eng/faults/postgres.sh sets.
/// </summary>
[Collection(PostgresTests.Name)]
public sealed class LostConnectionTests(PostgresServers servers, ITestOutputHelper output)
{
    private PostgresServer Server => servers.Server;

    [Fact]
    public async Task Every_group_is_there_once_however_often_its_connection_is_ended()
    {
        string database = await Server.CreateStoreAsync();
        int kills = NumberWriter.Times("AGENTBUDGET_POSTGRES_KILLS", otherwise: 20);
        await RunAsync(database, kills, () => Server.SqlAsync(database, """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE application_name LIKE 'agentbudget%' AND datname = current_database() AND state = 'active'
            """));
    }

    [Fact]
    public async Task Every_group_is_there_once_however_often_the_server_crashes()
    {
        string database = await Server.CreateStoreAsync();
        int crashes = NumberWriter.Times("AGENTBUDGET_POSTGRES_CRASHES", otherwise: 2);
        await RunAsync(database, crashes, Server.CrashAsync);
    }

    private async Task RunAsync(string database, int faults, Func<Task> fault)
    {
        await using PostgresStore store = await PostgresStore.OpenAsync(
            new PostgresStoreOptions { Connection = Server.Connection(database) },
            TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        await NumberWriter.WriteUnderAsync(store, faults, fault, output);
    }
}
