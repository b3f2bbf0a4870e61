using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using AgentBudget.Storage.Postgres.Schema;
using Npgsql;

namespace AgentBudget.Storage.Tests.Postgres;

/// <summary>
/// A PostgreSQL server of our own from Debian's package, in a temporary folder, on a loopback port that was free, with
/// the settings that a ledger needs. It can be stopped as a crash would and started again.
/// </summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    /// <summary>Who owns the tables.</summary>
    private const string Owner = "postgres";

    /// <summary>Who silos log in as.</summary>
    private const string Silo = "silo";

    private const string TemplateDatabase = "template_of_stores";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-postgres-");
    private readonly int _port = FreePort();
    private int _databases;

    private PostgresServer()
    {
    }

    public int Port => _port;

    private string Data => Path.Combine(_folder.FullName, "data");

    /// <summary>Makes a server and starts it; stores are copies of one whose tables are made.</summary>
    public static async Task<PostgresServer> StartAsync()
    {
        PostgresServer server = new();
        if (Environment.UserName == "root") await RunAsync("chown", "postgres", server._folder.FullName);
        await RunAsServerAsync(
            "initdb", "-D", server.Data, "-U", Owner, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync");
        await server.StartAgainAsync();
        await server.SqlAsync("postgres", $"CREATE DATABASE {TemplateDatabase}");
        await PostgresSchema.MigrateAsync(server.OwnersConnection(TemplateDatabase), CancellationToken.None);
        await server.SqlAsync("postgres", $"CREATE ROLE {Silo} LOGIN IN ROLE {PostgresSchema.SiloRole}");
        NpgsqlConnection.ClearAllPools();
        return server;
    }

    /// <summary>An empty store; answers the name of its database.</summary>
    public async Task<string> CreateStoreAsync()
    {
        string name = $"store{Interlocked.Increment(ref _databases)}";
        await SqlAsync("postgres", $"CREATE DATABASE {name} TEMPLATE {TemplateDatabase}");
        await SqlAsync(name, "UPDATE store SET id = gen_random_uuid()");
        return name;
    }

    /// <summary>As silos connect.</summary>
    public string Connection(string database, string user = Silo, int? port = null) =>
        $"Host=127.0.0.1;Port={port ?? _port};Database={database};Username={user}";

    /// <summary>As whoever owns the tables does.</summary>
    public string OwnersConnection(string database) => Connection(database, Owner);

    /// <summary>Runs statements as the owner; answers the first value.</summary>
    public async Task<object?> SqlAsync(string database, string sql)
    {
        await using NpgsqlConnection connection = await OpenAsync(database);
        await using NpgsqlCommand command = new(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>A connection of the owner, apart from all others.</summary>
    public async Task<NpgsqlConnection> OpenAsync(string database)
    {
        NpgsqlConnection connection = new(
            OwnersConnection(database) + $";Search Path={PostgresSchema.Name};Pooling=false");
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>Stops it at once, as a crash would, and starts it again.</summary>
    public async Task CrashAsync()
    {
        await StopAsync("immediate");
        await StartAgainAsync();
    }

    /// <summary>Stops it, in one of pg_ctl's modes.</summary>
    public Task StopAsync(string mode) => RunAsServerAsync("pg_ctl", "-D", Data, "-m", mode, "-w", "stop");

    /// <summary>Starts it after a stop, with further settings.</summary>
    public Task StartAgainAsync(params string[] settings)
    {
        string[] all =
        [
            $"port={_port}", "listen_addresses=127.0.0.1", $"unix_socket_directories={_folder.FullName}",
            "fsync=on", "synchronous_commit=on", "full_page_writes=on", "max_connections=200",
            "shared_buffers=64MB", "max_wal_size=256MB", .. settings,
        ];
        string options = string.Join(' ', all.Select(setting => $"-c {setting}"));
        return RunAsServerAsync(
            "pg_ctl", "-D", Data, "-l", Path.Combine(_folder.FullName, "log"), "-w", "-o", options, "start");
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await StopAsync("immediate");
        _folder.Delete(recursive: true);
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    // The server does not run as root.
    private static Task RunAsServerAsync(string program, params string[] arguments)
    {
        string path = Path.Combine(BinFolder(), program);
        return Environment.UserName == "root"
            ? RunAsync("runuser", ["-u", "postgres", "--", path, .. arguments])
            : RunAsync(path, arguments);
    }

    private static string BinFolder()
    {
        const string Versions = "/usr/lib/postgresql";
        string? newest = Directory.Exists(Versions)
            ? Directory.GetDirectories(Versions).MaxBy(
                folder => int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture))
            : null;
        return Path.Combine(
            newest ?? throw new InvalidOperationException("PostgreSQL is not installed: run eng/setup.sh"), "bin");
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        // What the server inherits must not be a pipe that this process waits for.
        ProcessStartInfo start = new("/bin/sh")
        {
            ArgumentList = { "-c", "out=$1; shift; exec \"$@\" >\"$out\" 2>&1 </dev/null", "sh" },
            WorkingDirectory = "/",
        };
        string output = Path.GetTempFileName();
        start.ArgumentList.Add(output);
        start.ArgumentList.Add(program);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        await process.WaitForExitAsync().WaitAsync(Patience);
        string said = await File.ReadAllTextAsync(output);
        File.Delete(output);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {said}");
    }
}
