using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace AgentBudget.Bench;

/// <summary>The silo under load: a child process with a temporary data folder, or one that runs already.</summary>
internal sealed class Silo : IDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly Process? _process;
    private readonly string? _folder;

    private Silo(string http, string grpc, string adminKey, int? processId, Process? process, string? folder)
    {
        Http = new Uri("http://" + http);
        AllGrpc = grpc.Split(',');
        AdminKey = adminKey;
        ProcessId = processId;
        _process = process;
        _folder = folder;
    }

    public Uri Http { get; }

    public string Grpc => AllGrpc[0];

    /// <summary>Addresses of all silos of a cluster; of one that is alone, its own.</summary>
    public IReadOnlyList<string> AllGrpc { get; }

    public string AdminKey { get; }

    public int? ProcessId { get; }

    public static async Task<Silo> StartAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        if (options.Grpc is not null)
        {
            string key = (await File.ReadAllTextAsync(options.AdminKeyFile!, cancellationToken)).Trim();
            return new Silo(options.Http!, options.Grpc, key, options.ProcessId, process: null, folder: null);
        }
        string root = Repository.Root();
        string project = Path.Combine("src", "AgentBudget.Silo");
        if (!options.SkipsBuild) await Repository.BuildAsync(project, cancellationToken);
        string folder = Directory.CreateTempSubdirectory("agentbudget-bench-").FullName;
        string http = FreeAddress();
        string grpc = FreeAddress();
        string program = Path.Combine(root, "artifacts", "bin", "AgentBudget.Silo", "release", "AgentBudget.Silo.dll");
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = !options.ShowsSiloLog,
            RedirectStandardError = !options.ShowsSiloLog,
        };
        foreach (string argument in (string[])[program, "--data", folder, "--http", http, "--grpc", grpc])
            start.ArgumentList.Add(argument);
        var process = Process.Start(start) ?? throw new InvalidOperationException("the silo did not start");
        if (!options.ShowsSiloLog) Discard(process);
        try
        {
            var ready = await WaitUntilReadyAsync(process, http, cancellationToken);
            Console.Error.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"ready {ready.TotalSeconds:F1} s after its start"));
            string key = (await File.ReadAllTextAsync(Path.Combine(folder, "admin.key"), cancellationToken)).Trim();
            return new Silo(http, grpc, key, process.Id, process, folder);
        }
        catch
        {
            process.Kill();
            throw;
        }
    }

    public void Dispose()
    {
        if (_process is not null)
        {
            using var terminate = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
            if (!_process.WaitForExit(StopPatience)) _process.Kill();
            _process.Dispose();
        }
        if (_folder is not null) Directory.Delete(_folder, recursive: true);
    }

    private static void Discard(Process process)
    {
        process.OutputDataReceived += static (_, _) => { };
        process.ErrorDataReceived += static (_, line) =>
        {
            if (line.Data is { Length: > 0 } text) Console.Error.WriteLine("silo: " + text);
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    private static async Task<TimeSpan> WaitUntilReadyAsync(
        Process process, string http, CancellationToken cancellationToken)
    {
        using var client = new HttpClient();
        var ready = new Uri($"http://{http}/readyz");
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < StartPatience)
        {
            if (process.HasExited)
                throw new InvalidOperationException($"the silo ended with exit code {process.ExitCode}");
            try
            {
                using var response = await client.GetAsync(ready, cancellationToken);
                if (response.IsSuccessStatusCode) return waited.Elapsed;
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }
            await Task.Delay(PollInterval, cancellationToken);
        }
        throw new TimeoutException($"the silo was not ready within {StartPatience.TotalSeconds} s");
    }

    private static string FreeAddress()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener.LocalEndpoint.ToString()!;
    }
}
