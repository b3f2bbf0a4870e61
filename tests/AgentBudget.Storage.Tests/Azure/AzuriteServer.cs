using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace AgentBudget.Storage.Tests.Azure;

/// <summary>
/// Azurite, the emulator of Azure Storage, as a process of our own on loopback ports that were free, with an account
/// and a key of its own. It can be stopped and started again with what it has.
/// </summary>
/// <remarks>
/// It keeps its index in memory and writes it when it is asked to end, so it is asked: killed at once it would forget
/// what it has answered, which the service that it stands for does not.
/// </remarks>
internal sealed class AzuriteServer : IAsyncDisposable
{
    private const string Account = "budget";
    private const int KeyLength = 64;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-azurite-");
    private readonly string _key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyLength));
    private readonly int _queuePort = FreePort();
    private Process? _process;
    private int _stores;

    private AzuriteServer()
    {
    }

    public int BlobPort { get; } = FreePort();

    public int TablePort { get; } = FreePort();

    public static async Task<AzuriteServer> StartAsync()
    {
        AzuriteServer server = new();
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>A name that no other store of this account has.</summary>
    public string NewStoreName() => $"store{Interlocked.Increment(ref _stores)}";

    /// <summary>As silos connect; over links, if there are any.</summary>
    public string Connection(int? blobPort = null, int? tablePort = null, string? key = null) =>
        $"DefaultEndpointsProtocol=http;AccountName={Account};AccountKey={key ?? _key};"
        + $"BlobEndpoint=http://127.0.0.1:{blobPort ?? BlobPort}/{Account};"
        + $"TableEndpoint=http://127.0.0.1:{tablePort ?? TablePort}/{Account}";

    /// <summary>Asks it to end, and waits until it has.</summary>
    public async Task StopAsync()
    {
        if (_process is null) return;
        using (Process kill = Process.Start("kill", ["-TERM", $"{_process.Id}"])) await kill.WaitForExitAsync();
        try
        {
            await _process.WaitForExitAsync().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            _process.Kill();
            throw;
        }

        _process.Dispose();
        _process = null;
    }

    /// <summary>Starts it with what it has, and waits until it answers.</summary>
    public async Task StartAgainAsync()
    {
        ProcessStartInfo start = new("node")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder.FullName,
            Environment = { ["AZURITE_ACCOUNTS"] = $"{Account}:{_key}" },
        };
        foreach (string argument in (string[])
            [
                ProgramPath(), "--location", _folder.FullName, "--silent", "--disableTelemetry",
                "--skipApiVersionCheck", "--disableProductStyleUrl",
                "--blobHost", "127.0.0.1", "--blobPort", $"{BlobPort}",
                "--queueHost", "127.0.0.1", "--queuePort", $"{_queuePort}",
                "--tableHost", "127.0.0.1", "--tablePort", $"{TablePort}",
            ])
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start) ?? throw new InvalidOperationException("node did not start");
        _process.OutputDataReceived += (_, _) => { };
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Stopwatch waited = Stopwatch.StartNew();
        while (!await AnswersAsync(BlobPort) || !await AnswersAsync(TablePort))
        {
            if (_process.HasExited) throw new InvalidOperationException("Azurite ended by itself");
            if (waited.Elapsed > Patience) throw new TimeoutException("Azurite did not answer");
            await Task.Delay(PollInterval);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _folder.Delete(recursive: true);
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        try
        {
            using TcpClient client = new();
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string ProgramPath()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "eng/azurite/node_modules/azurite/dist/src/azurite.js");
            if (File.Exists(path)) return path;
        }

        throw new InvalidOperationException("Azurite is not installed: run eng/setup.sh");
    }
}
