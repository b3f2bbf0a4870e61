using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace AgentBudget.Faults.Tests;

/// <summary>
/// Makes system calls of a running process fail, until disposed. Needs strace and the right to trace.
/// </summary>
internal sealed class Strace : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly StringBuilder _messages = new();
    private readonly TaskCompletionSource _attached = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Strace(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.ErrorDataReceived += (_, line) => Read(line.Data);
        _process.Exited += (_, _) => _attached.TrySetException(
            new InvalidOperationException($"strace ended with code {_process.ExitCode}: {_messages}"));
    }

    /// <summary>Attaches; from its return on the fault is armed.</summary>
    /// <param name="processId">Whose calls fail.</param>
    /// <param name="inject">What strace calls an injection: calls, error, when.</param>
    /// <param name="paths">Only calls on these files; all if empty.</param>
    public static async Task<Strace> AttachAsync(int processId, string inject, params string[] paths)
    {
        var start = new ProcessStartInfo("strace") { RedirectStandardError = true };
        string calls = inject[..inject.IndexOf(':', StringComparison.Ordinal)];
        string[] arguments =
        [
            "-f", "-o", "/dev/null", "-p", processId.ToString(CultureInfo.InvariantCulture),
            "-e", $"trace={calls}", "-e", $"inject={inject}", .. paths.SelectMany(path => new[] { "-P", path }),
        ];
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        var strace = new Strace(start);
        if (!strace._process.Start()) throw new InvalidOperationException("strace did not start");
        strace._process.BeginErrorReadLine();
        await strace._attached.Task.WaitAsync(Patience);
        return strace;
    }

    /// <summary>Detaches; the process goes on as if nothing had been.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using (Process.Start("kill", ["-INT", _process.Id.ToString(CultureInfo.InvariantCulture)])) { }
            await _process.WaitForExitAsync().WaitAsync(Patience);
        }
        _process.Dispose();
    }

    private void Read(string? line)
    {
        if (line is null) return;
        lock (_messages) _messages.AppendLine(line);
        if (line.Contains("attached", StringComparison.Ordinal)) _attached.TrySetResult();
    }
}
