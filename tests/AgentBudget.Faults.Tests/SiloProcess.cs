using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AgentBudget.Faults.Tests;

/// <summary>
/// A silo as its users run it: a process, a data folder, two ports. It can be killed and started again.
/// </summary>
internal sealed class SiloProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-faults-");
    private readonly StringBuilder _output = new();
    private readonly string _http = FreeAddress();
    private readonly string _grpc = FreeAddress();
    private Process? _process;

    /// <summary>What it is started with beside its folder and ports.</summary>
    public string[] Arguments { get; init; } = [];

    public string Folder => _folder.FullName;

    public Uri GrpcAddress => new("http://" + _grpc);

    public Uri HttpAddress => new("http://" + _http);

    public string AdminKey => File.ReadAllText(Path.Combine(Folder, "admin.key")).Trim();

    public int ProcessId => _process!.Id;

    /// <summary>What all incarnations printed.</summary>
    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <summary>Starts it and waits until it is ready.</summary>
    public async Task StartAsync()
    {
        Launch();
        using var client = new HttpClient();
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < StartPatience)
        {
            if (_process!.HasExited)
                throw new InvalidOperationException($"the silo ended with code {_process.ExitCode}\n{Output}");
            if (await IsReadyAsync(client)) return;
            await Task.Delay(PollInterval);
        }
        throw new TimeoutException($"the silo was not ready within {StartPatience.TotalSeconds} s\n{Output}");
    }

    /// <summary>Starts it without waiting: for a start that is to fail.</summary>
    public void Launch()
    {
        string program = Path.Combine(AppContext.BaseDirectory, "AgentBudget.Silo.dll");
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Folder,
        };
        string[] arguments = [program, "--data", Folder, "--http", _http, "--grpc", _grpc, .. Arguments];
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        _process?.Dispose();
        _process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start");
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>SIGKILL, as a crash.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await ExitCodeAsync();
    }

    /// <summary>SIGTERM, and the exit code.</summary>
    public async Task<int> StopAsync()
    {
        using (Process.Start("kill", ["-TERM", ProcessId.ToString(CultureInfo.InvariantCulture)])) { }
        return await ExitCodeAsync();
    }

    /// <summary>Waits for the process to end.</summary>
    public async Task<int> ExitCodeAsync()
    {
        using var patience = new CancellationTokenSource(StopPatience);
        try
        {
            await _process!.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"the silo did not end within {StopPatience.TotalSeconds} s\n{Output}");
        }
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false }) await KillAsync();
        _process?.Dispose();
        _folder.Delete(recursive: true);
    }

    private static string FreeAddress()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener.LocalEndpoint.ToString()!;
    }

    private async Task<bool> IsReadyAsync(HttpClient client)
    {
        try
        {
            using var response = await client.GetAsync(new Uri($"http://{_http}/readyz"));
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false; // It does not listen yet.
        }
    }

    private void Append(string? line)
    {
        lock (_output) _output.AppendLine(line);
    }
}
