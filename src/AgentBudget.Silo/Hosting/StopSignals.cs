using System.Runtime.InteropServices;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// SIGTERM and SIGINT: the first one drains. A launcher and its process group often both pass one stop on, so
/// repetitions at once are the same stop; a later signal is an operator who cannot wait, and ends the process as it
/// always would.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    /// <summary>Longer than any launcher takes to pass a signal on, shorter than a person's patience.</summary>
    private static readonly TimeSpan SameStop = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly PosixSignalRegistration _terminate;
    private readonly PosixSignalRegistration _interrupt;
    private long? _firstAt;

    internal StopSignals(TimeProvider time)
    {
        _time = time;
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
    }

    /// <summary>Fires at the first signal.</summary>
    internal CancellationToken Stopping => _stopping.Token;

    public void Dispose()
    {
        _terminate.Dispose();
        _interrupt.Dispose();
        _stopping.Dispose();
    }

    /// <summary>
    /// Whether a signal that comes now is the stop that is under way, and not a demand to end at once.
    /// </summary>
    internal bool TakeSignal()
    {
        lock (_lock)
        {
            _firstAt ??= _time.GetTimestamp();
            return _time.GetElapsedTime(_firstAt.Value) < SameStop;
        }
    }

    private void OnSignal(PosixSignalContext context)
    {
        if (!TakeSignal())
            return;
        context.Cancel = true;
        _stopping.Cancel();
    }
}
