using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace AgentBudget.Gateway.Tests.Support;

/// <summary>A gateway as its users run it: a process of its own, with a file of settings.</summary>
internal sealed partial class GatewayProcess : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-gateway-");
    private readonly StringBuilder _output = new();
    private Process? _process;

    /// <summary>Where it works; relative paths of its settings begin here.</summary>
    public string Folder => _folder.FullName;

    /// <summary>Variables beside those of the tests.</summary>
    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal);

    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    /// <summary>Writes a file into its folder.</summary>
    public string Write(string name, string text)
    {
        string path = Path.Combine(Folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    public void Launch(params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Folder,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "AgentBudget.Gateway.Server.dll"));
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        foreach ((string name, string value) in Environment) start.Environment[name] = value;
        _process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start");
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Starts it, and answers where it says that it serves.</summary>
    public async Task<Uri> StartAsync(params string[] arguments)
    {
        Launch(arguments);
        await SaysAsync("serves model calls");
        return new Uri(Serving().Match(Output).Groups[1].Value);
    }

    /// <summary>Waits for a word of it.</summary>
    public async Task SaysAsync(string text)
    {
        using CancellationTokenSource patience = new(TestGateway.Patience);
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            Assert.False(_process!.HasExited, $"the gateway ended\n{Output}");
            await Task.Delay(20, patience.Token);
        }
    }

    /// <summary>SIGTERM.</summary>
    public void Terminate()
    {
        using (Process.Start("kill", ["-TERM", _process!.Id.ToString(CultureInfo.InvariantCulture)]))
        {
        }
    }

    public async Task<int> ExitCodeAsync()
    {
        using CancellationTokenSource patience = new(TestGateway.Patience);
        await _process!.WaitForExitAsync(patience.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            await ExitCodeAsync();
        }

        _process?.Dispose();
        _folder.Delete(recursive: true);
    }

    private void Append(string? line)
    {
        lock (_output) _output.AppendLine(line);
    }

    [GeneratedRegex(@"serves model calls of SDKs at (http://\S+)\.\r?\n")]
    private static partial Regex Serving();
}
