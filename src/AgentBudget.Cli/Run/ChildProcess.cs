using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace AgentBudget.Cli.Run;

/// <summary>
/// The command that runs on a budget, with our terminal as its own. Signals that come to us go on to it and end nothing
/// here; it alone decides when it is over.
/// </summary>
internal sealed partial class ChildProcess : IDisposable
{
    private const int StandardInput = 0;
    private const int FileNotFound = 2;

    private static readonly PosixSignal[] PassedOn =
        [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT];

    private readonly Process _process;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly Lock _gate = new();
    private readonly List<PosixSignal> _early = [];
    private bool _isStarted;

    public ChildProcess(string command, IEnumerable<string> arguments, Action<IDictionary<string, string?>> environment)
    {
        ProcessStartInfo start = new(command, arguments) { UseShellExecute = false };
        environment(start.Environment);
        _process = new Process { StartInfo = start };
        foreach (PosixSignal signal in PassedOn)
            _registrations.Add(PosixSignalRegistration.Create(signal, PassOn));
    }

    /// <summary>Starts it; answers null, or why it cannot be: an exit code and a sentence.</summary>
    public (int ExitCode, string Sentence)? Start()
    {
        try
        {
            _process.Start();
        }
        catch (Win32Exception fault)
        {
            return fault.NativeErrorCode == FileNotFound
                ? (ExitCodes.CommandNotFound, $"{_process.StartInfo.FileName} is not there: {fault.Message}")
                : (ExitCodes.CannotRun, $"{_process.StartInfo.FileName} cannot be run: {fault.Message}");
        }

        lock (_gate)
        {
            _isStarted = true;
            foreach (PosixSignal signal in _early) Send(signal);
        }

        return null;
    }

    /// <summary>Waits for it alone, not for what it left running; answers its exit code (128 + signal).</summary>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    /// <summary>Asks it to end.</summary>
    public void Terminate()
    {
        lock (_gate) Send(PosixSignal.SIGTERM);
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
        _process.Dispose();
    }

    private void PassOn(PosixSignalContext context)
    {
        context.Cancel = true;
        // Ctrl+C and Ctrl+\ come from the terminal to every process in front of it, the child among them.
        if (context.Signal is PosixSignal.SIGINT or PosixSignal.SIGQUIT && IsInFrontOfTerminal()) return;
        lock (_gate)
        {
            if (_isStarted) Send(context.Signal);
            else _early.Add(context.Signal);
        }
    }

    private void Send(PosixSignal signal)
    {
        if (!_isStarted || _process.HasExited) return; // Its number may be somebody else's by then.
        if (OperatingSystem.IsWindows()) return; // The console tells its processes itself.
        int number = signal switch
        {
            PosixSignal.SIGHUP => 1,
            PosixSignal.SIGINT => 2,
            PosixSignal.SIGQUIT => 3,
            _ => 15,
        };
        _ = Kill(_process.Id, number);
    }

    private static bool IsInFrontOfTerminal() =>
        OperatingSystem.IsWindows() || ForegroundGroup(StandardInput) is > 0 and int group && group == OwnGroup();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "tcgetpgrp")]
    private static partial int ForegroundGroup(int descriptor);

    [LibraryImport("libc", EntryPoint = "getpgrp")]
    private static partial int OwnGroup();
}
