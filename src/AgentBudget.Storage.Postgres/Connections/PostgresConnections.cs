using System.Net.Sockets;
using AgentBudget.Storage.Postgres.Schema;
using Npgsql;

namespace AgentBudget.Storage.Postgres.Connections;

/// <summary>
/// The connections of a store: some for appends alone, the others for everything else. Each is looked at when it is
/// made, so that no connection ever writes under settings that would lose what was acknowledged.
/// </summary>
internal sealed class PostgresConnections : IAsyncDisposable
{
    /// <summary>Appends at once: tenants beyond them wait for one another. A server serves some hundred sessions.
    /// </summary>
    public const int AppendsMax = 32;

    private const int OthersMax = 32;
    private const int MembershipMax = 8;
    private const int ConnectSeconds = 10;
    private const int CommandSeconds = 30;
    private const int PreparedMax = 64; // More than there are statements.

    // A peer that is gone without a word is noticed after about as long as an append may take.
    private const int KeepAliveSeconds = 5;
    private const int KeepAliveIntervalSeconds = 1;

    private const string Settings = """
        SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
               pg_is_in_recovery()
        """;

    private PostgresConnections(string connection)
    {
        // An append has no command timeout: a statement that is cancelled while it waits for a standby would be
        // answered as if it had been replicated.
        Appends = Make(connection, "agentbudget append", AppendsMax, commandSeconds: 0);
        Others = Make(connection, "agentbudget", OthersMax, CommandSeconds);
        Membership = Make(connection, "agentbudget membership", MembershipMax, CommandSeconds);
    }

    /// <summary>For appends.</summary>
    public NpgsqlDataSource Appends { get; }

    /// <summary>For everything else.</summary>
    public NpgsqlDataSource Others { get; }

    /// <summary>For Orleans' own tables: what waits for the others must not keep a silo from saying that it lives.
    /// </summary>
    public NpgsqlDataSource Membership { get; }

    /// <summary>Connects nowhere yet. Throws <see cref="StoreException"/> for a text that is no connection string.
    /// </summary>
    public static PostgresConnections Of(string connection) => new(connection);

    public async ValueTask DisposeAsync()
    {
        await Appends.DisposeAsync();
        await Others.DisposeAsync();
        await Membership.DisposeAsync();
    }

    /// <summary>Why a database cannot be reached or used, as a sentence.</summary>
    public static StoreException Unreachable(Exception fault) => new(
        "the PostgreSQL store cannot be used: " + fault switch
        {
            PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } =>
                "its password is wrong, or its role does not exist",
            PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification } refused =>
                $"the server does not let this role in ({refused.MessageText})",
            PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } refused =>
                $"{refused.MessageText}; create it, and its tables with --migrate",
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } refused =>
                $"{refused.MessageText}; log in with a role that is a member of {PostgresSchema.SiloRole}",
            PostgresException { SqlState: PostgresErrorCodes.UndefinedTable } =>
                "it has no tables of AgentBudget; make them with --migrate",
            PostgresException { SqlState: PostgresErrorCodes.DiskFull } => "its disk is full",
            PostgresException refused => $"{refused.MessageText} ({refused.SqlState})",
            NpgsqlException { InnerException: SocketException refused } =>
                $"nobody answers at its address ({refused.Message})",
            _ => fault.Message,
        },
        fault);

    /// <summary>Whether a fault is the database's or the way's to it, and none of ours.</summary>
    public static bool IsStoreFault(Exception fault) =>
        fault is NpgsqlException or TimeoutException or IOException or SocketException or ObjectDisposedException;

    /// <summary>Whether a connection broke that had been made: another one may do.</summary>
    public static bool IsBroken(Exception fault) => fault switch
    {
        PostgresException { SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown } => true,
        PostgresException => false,
        NpgsqlException { InnerException: IOException } => true,
        _ => false,
    };

    private static NpgsqlDataSource Make(string connection, string name, int connectionsMax, int commandSeconds)
    {
        NpgsqlConnectionStringBuilder settings = PostgresSchema.Read(connection);
        settings.SearchPath = PostgresSchema.Name;
        settings.ApplicationName = name;
        settings.Pooling = true;
        settings.MinPoolSize = 0;
        settings.MaxPoolSize = connectionsMax;
        settings.Timeout = ConnectSeconds;
        settings.CommandTimeout = commandSeconds;
        settings.TcpKeepAlive = true;
        settings.TcpKeepAliveTime = KeepAliveSeconds;
        settings.TcpKeepAliveInterval = KeepAliveIntervalSeconds;
        settings.MaxAutoPrepare = PreparedMax;
        settings.AutoPrepareMinUsages = 2;
        settings.NoResetOnClose = true; // Nothing here changes a session.
        settings.Enlist = false;
        settings.IncludeErrorDetail = false; // It would show what is in rows.
        NpgsqlDataSourceBuilder builder = new(settings.ToString());
        builder.UsePhysicalConnectionInitializer(Check, CheckAsync);
        return builder.Build();
    }

    private static void Check(NpgsqlConnection connection)
    {
        using NpgsqlCommand command = new(Settings, connection);
        using NpgsqlDataReader reader = command.ExecuteReader();
        reader.Read();
        Check(reader);
    }

    private static async Task CheckAsync(NpgsqlConnection connection)
    {
        await using NpgsqlCommand command = new(Settings, connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        Check(reader);
    }

    private static void Check(NpgsqlDataReader reader)
    {
        if (reader.GetString(0) != "on") throw Refused("fsync is off: a crash would lose what was acknowledged");
        if (reader.GetString(1) != "on")
            throw Refused("full_page_writes is off: a crash could tear what was acknowledged");
        if (reader.GetString(2) == "off")
            throw Refused("synchronous_commit is off for this role: a crash would lose what was acknowledged");
        if (reader.GetBoolean(3)) throw Refused("the server is a standby: name the primary");
    }

    private static StoreException Refused(string why) =>
        new($"the PostgreSQL store cannot be trusted, {why}; mend it and start again");
}
