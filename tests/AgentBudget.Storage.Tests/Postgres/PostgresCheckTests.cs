using AgentBudget.Storage.Postgres;
using AgentBudget.Storage.Postgres.Schema;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace AgentBudget.Storage.Tests.Postgres;

/// <summary>A store that a ledger should not be trusted to is not opened, and one sentence says why.</summary>
[Collection(PostgresTests.Name)]
public sealed class PostgresCheckTests(PostgresServers servers) : IAsyncLifetime
{
    private string _database = "";

    private PostgresServer Server => servers.Server;

    public async ValueTask InitializeAsync() => _database = await Server.CreateStoreAsync();

    public async ValueTask DisposeAsync() =>
        await Server.SqlAsync("postgres", $"DROP DATABASE IF EXISTS {_database} WITH (FORCE)");

    [Theory]
    [InlineData("fsync=off", "fsync is off: a crash would lose what was acknowledged")]
    [InlineData("full_page_writes=off", "full_page_writes is off: a crash could tear what was acknowledged")]
    public async Task A_server_that_a_crash_would_hurt_is_refused(string setting, string sentence)
    {
        await Server.StopAsync("fast");
        await Server.StartAgainAsync(setting);
        try
        {
            await AssertRefusedAsync($"the PostgreSQL store cannot be trusted, {sentence}");
        }
        finally
        {
            await Server.StopAsync("fast");
            await Server.StartAgainAsync();
        }

        await (await OpenAsync()).DisposeAsync();
    }

    [Theory]
    [InlineData("ALTER DATABASE {0} SET synchronous_commit = off", "ALTER DATABASE {0} RESET synchronous_commit")]
    [InlineData("ALTER ROLE silo SET synchronous_commit = off", "ALTER ROLE silo RESET synchronous_commit")]
    public async Task Commits_that_are_answered_early_are_refused(string set, string reset)
    {
        await Server.SqlAsync("postgres", string.Format(null, set, _database));
        try
        {
            await AssertRefusedAsync("synchronous_commit is off for this role");
        }
        finally
        {
            await Server.SqlAsync("postgres", string.Format(null, reset, _database));
        }
    }

    [Fact]
    public async Task A_connection_that_is_made_later_is_looked_at_too()
    {
        await using PostgresStore store = await OpenAsync();
        await Server.SqlAsync("postgres", $"ALTER DATABASE {_database} SET synchronous_commit = off");
        await Server.CrashAsync();
        var refusal = await Assert.ThrowsAsync<StoreException>(() => store.AcquireAsync());
        Assert.Contains("synchronous_commit is off", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_older_schema_and_a_later_one_are_refused()
    {
        await Server.SqlAsync(_database, "UPDATE store SET schema_version = 1");
        await AssertRefusedAsync("its tables have version 1 and this release needs 3; run --migrate");
        await Server.SqlAsync(_database, "UPDATE store SET schema_version = 99");
        await AssertRefusedAsync("its tables have version 99, of a later release");
    }

    [Fact]
    public async Task A_database_without_tables_is_refused_until_they_are_made()
    {
        await Server.SqlAsync("postgres", "CREATE DATABASE bare");
        try
        {
            await AssertRefusedAsync("it has no tables of AgentBudget; make them with --migrate", "bare");
            string owner = Server.OwnersConnection("bare");
            Assert.Equal(
                ["0001-ledger", "0002-secrets", "0003-membership"], await PostgresSchema.MigrateAsync(owner, default));
            Assert.Empty(await PostgresSchema.MigrateAsync(owner, default));
            await (await OpenAsync("bare")).DisposeAsync();
        }
        finally
        {
            await Server.SqlAsync("postgres", "DROP DATABASE bare WITH (FORCE)");
        }
    }

    [Fact]
    public async Task The_last_script_sets_the_version_of_the_schema() =>
        Assert.Equal(PostgresSchema.Version, await Server.SqlAsync(_database, "SELECT schema_version FROM store"));

    [Fact]
    public async Task A_role_that_may_do_too_little_or_too_much_is_refused()
    {
        await Server.SqlAsync("postgres", "CREATE ROLE stranger LOGIN");
        try
        {
            await AssertRefusedAsync(
                "the role stranger is no member of agentbudget_silo; GRANT agentbudget_silo TO \"stranger\"",
                user: "stranger");
        }
        finally
        {
            await Server.SqlAsync("postgres", "DROP ROLE stranger");
        }

        await AssertRefusedAsync("the role postgres may change what was written", user: "postgres");
        await AssertRefusedAsync("role \"nobody\" does not exist", user: "nobody");
    }

    [Fact]
    public async Task What_cannot_be_reached_is_refused_with_a_sentence()
    {
        await AssertRefusedAsync("database \"elsewhere\" does not exist", "elsewhere");
        var refusal = await Assert.ThrowsAsync<StoreException>(
            () => ConnectAsync(Server.Connection(_database, port: 1)));
        Assert.Contains("nobody answers at its address", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense", "must be Host=…;Port=…;Database=…")]
    [InlineData("Database=x", "must name a host")]
    [InlineData("Host=127.0.0.1", "must name a database")]
    [InlineData("Host=127.0.0.1;Port=many;Database=x", "must be Host=…;Port=…;Database=…")]
    public void A_connection_string_that_is_none_is_a_sentence(string connection, string sentence) =>
        Assert.StartsWith(sentence, PostgresSchema.FaultOf(connection), StringComparison.Ordinal);

    [Theory]
    [InlineData(60, "s ahead of the database's")]
    [InlineData(-60, "s behind the database's")]
    public async Task A_clock_that_is_off_by_a_minute_is_refused(int seconds, string sentence)
    {
        FakeTimeProvider time = new(TimeProvider.System.GetUtcNow().AddSeconds(seconds));
        var refusal = await Assert.ThrowsAsync<StoreException>(() => ConnectAsync(Server.Connection(_database), time));
        Assert.Contains(sentence, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_is_written_by_whoever_knows_its_version()
    {
        await using PostgresStore one = await OpenAsync();
        await using PostgresStore other = await OpenAsync();
        await SharedSecretsKit.AssertWrittenByVersionAsync(one, other);
    }

    [Fact]
    public async Task Every_store_has_an_id_of_its_own()
    {
        string another = await Server.CreateStoreAsync();
        await using PostgresStore one = await OpenAsync();
        await using PostgresStore other = await OpenAsync(another);
        Assert.NotEqual(one.StoreId, other.StoreId);
    }

    private Task<PostgresStore> OpenAsync(string? database = null) =>
        ConnectAsync(Server.Connection(database ?? _database));

    private static Task<PostgresStore> ConnectAsync(string connection, TimeProvider? time = null) =>
        PostgresStore.OpenAsync(
            new PostgresStoreOptions { Connection = connection },
            time ?? TimeProvider.System,
            NullLoggerFactory.Instance,
            CancellationToken.None);

    private async Task AssertRefusedAsync(string sentence, string? database = null, string user = "silo")
    {
        NpgsqlConnection.ClearAllPools();
        var refusal = await Assert.ThrowsAsync<StoreException>(
            () => ConnectAsync(Server.Connection(database ?? _database, user)));
        Assert.Contains(sentence, refusal.Message, StringComparison.Ordinal);
    }
}
