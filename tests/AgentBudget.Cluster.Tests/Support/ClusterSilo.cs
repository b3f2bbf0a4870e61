using System.Diagnostics;
using System.Globalization;
using System.Text;
using AgentBudget.Cluster.Tests.Network;

namespace AgentBudget.Cluster.Tests.Support;

/// <summary>One silo of a cluster, as a process of its own. It can be killed, paused, stopped and started again.
/// </summary>
internal sealed class ClusterSilo(
    string folder, IReadOnlyList<string> store, string keyFile, params string[] arguments) : IAsyncDisposable
{
    /// <summary>Silos of one cluster say the same.</summary>
    public const string Issuer = "https://budget.example.test";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly StringBuilder _output = new();
    private readonly string _http = Ports.Free();
    private readonly string _grpc = Ports.Free();
    private Process? _process;

    /// <summary>Where the others reach it, and how the store names its owner.</summary>
    public string Address { get; init; } = Ports.Free();

    /// <summary>The network namespace that it runs in; null for the machine's own.</summary>
    public NetNamespace? Inside { get; init; }

    public string Folder => folder;

    public Uri Grpc => new($"http://{_grpc}");

    public Uri Http => new($"http://{_http}");

    public string AdminKey => File.ReadAllText(Path.Combine(folder, "admin.key")).Trim();

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
        using HttpClient client = new(Handler());
        Stopwatch waited = Stopwatch.StartNew();
        while (waited.Elapsed < Patience)
        {
            if (_process!.HasExited)
                throw new InvalidOperationException($"the silo ended with code {_process.ExitCode}\n{Output}");
            if (await IsReadyAsync(client)) return;
            await Task.Delay(PollInterval);
        }

        throw new TimeoutException($"the silo was not ready within {Patience.TotalSeconds} s\n{Output}");
    }

    /// <summary>How callers reach it.</summary>
    public SocketsHttpHandler Handler()
    {
        SocketsHttpHandler handler = new() { UseProxy = false, EnableMultipleHttp2Connections = true };
        if (Inside is { } inside) handler.ConnectCallback = inside.ConnectAsync;
        return handler;
    }

    /// <summary>Starts it without waiting: for a start that is to fail.</summary>
    public void Launch()
    {
        string[] launcher = [.. Inside?.Launcher ?? [], "dotnet"];
        ProcessStartInfo start = new(launcher[0])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in (string[])
            [
                .. launcher[1..], Path.Combine(AppContext.BaseDirectory, "AgentBudget.Silo.dll"), "--data", folder,
                "--http", _http, "--grpc", _grpc, .. store, "--cluster-key", keyFile,
                "--silo-address", Address, "--issuer", Issuer, .. arguments,
            ])
        {
            start.ArgumentList.Add(argument);
        }

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

    /// <summary>SIGSTOP: everything it was about to do, it does after <see cref="ContinueAsync"/>.</summary>
    public Task PauseAsync() => SignalAsync("STOP");

    public Task ContinueAsync() => SignalAsync("CONT");

    /// <summary>SIGTERM, and the exit code.</summary>
    public async Task<int> StopAsync()
    {
        await SignalAsync("TERM");
        return await ExitCodeAsync();
    }

    /// <summary>Whether it ended by itself.</summary>
    public bool HasEnded => _process is null or { HasExited: true };

    /// <summary>Waits for the process to end.</summary>
    public async Task<int> ExitCodeAsync()
    {
        using CancellationTokenSource patience = new(Patience);
        try
        {
            await _process!.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"the silo did not end within {Patience.TotalSeconds} s\n{Output}");
        }

        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false }) await KillAsync();
        _process?.Dispose();
    }

    private async Task SignalAsync(string signal)
    {
        string id = _process!.Id.ToString(CultureInfo.InvariantCulture);
        using Process kill = Process.Start("kill", [$"-{signal}", id]);
        await kill.WaitForExitAsync();
    }

    private async Task<bool> IsReadyAsync(HttpClient client)
    {
        try
        {
            using HttpResponseMessage response = await client.GetAsync(new Uri($"http://{_http}/readyz"));
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private void Append(string? line)
    {
        if (line is null) return;
        lock (_output) _output.AppendLine(line);
    }
}
