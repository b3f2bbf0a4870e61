using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace AgentBudget.Cli.Tests.Support;

/// <summary>What a run of the program printed and ended with.</summary>
internal sealed record CliResult(int ExitCode, string Output, string Error)
{
    /// <summary>Both outputs and the exit code, for a message of a failed test and for snapshots.</summary>
    public string All => $"{Output}{(Error.Length > 0 ? $"-- standard error\n{Error}" : "")}-- exit code {ExitCode}\n";

    /// <summary>The result, of a run that must have done what it was asked.</summary>
    public CliResult Done()
    {
        Assert.True(ExitCode == 0, All);
        return this;
    }
}

/// <summary>One run of the real program, as a process.</summary>
internal sealed class CliRun : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>The program where it is built, with what it needs to run and nothing of the tests.</summary>
    public static string Program { get; } = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory,
        "..",
        "..",
        "AgentBudget.Cli",
        new DirectoryInfo(AppContext.BaseDirectory).Name,
        "AgentBudget.Cli.dll"));

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    private CliRun(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Append(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(_error, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Output
    {
        get
        {
            lock (_output) return _output.ToString();
        }
    }

    public string Error
    {
        get
        {
            lock (_error) return _error.ToString();
        }
    }

    public static CliRun Start(
        IReadOnlyDictionary<string, string?> environment, string? input, params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", [Program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string? value) in environment) start.Environment[name] = value;
        CliRun run = new(Process.Start(start)!);
        if (input is not null) run._process.StandardInput.Write(input);
        run._process.StandardInput.Close();
        return run;
    }

    /// <summary>Sends a signal to the program alone, by name: "INT".</summary>
    public void Signal(string name) => Shell.Signal(name, _process.Id);

    public async Task<CliResult> EndAsync()
    {
        using CancellationTokenSource patience = new(Patience);
        try
        {
            await _process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"the program did not end within {Patience.TotalSeconds} s\n{Output}{Error}");
        }

        return new CliResult(_process.ExitCode, Output, Error);
    }

    /// <summary>Waits until the program has printed something, on either output.</summary>
    public async Task SeesAsync(string text)
    {
        long start = Stopwatch.GetTimestamp();
        while (!(Output + Error).Contains(text, StringComparison.Ordinal))
        {
            if (_process.HasExited) // What it printed last may still be on its way.
            {
                CliResult result = await EndAsync();
                Assert.Contains(text, result.All, StringComparison.Ordinal);
                return;
            }

            if (Stopwatch.GetElapsedTime(start) > Patience)
                throw new TimeoutException($"'{text}' was not printed\n{Output}{Error}");
            await Task.Delay(PollInterval);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is null) return;
        lock (text) text.Append(CultureInfo.InvariantCulture, $"{line}\n");
    }
}
