using AgentBudget.Storage;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Runtime.Tenants;

/// <summary>
/// Whether the store has space. Once it had none, writes are refused without trying until a probe succeeds.
/// Thread-safe.
/// </summary>
internal sealed partial class StoreSpace(ILedgerStore store, TimeProvider time, Action onSpace, ILogger logger)
    : IDisposable
{
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private ITimer? _timer;
    private volatile bool _isFull;

    public bool IsFull => _isFull;

    /// <summary>An append found no space.</summary>
    public void Ended()
    {
        lock (_gate)
        {
            if (_isFull) return;
            _isFull = true;
            Log.Full(logger);
            _timer ??= time.CreateTimer(
                static state => _ = ((StoreSpace)state!).ProbeAsync(), this, Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan);
            _timer.Change(ProbeInterval, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose()
    {
        lock (_gate) _timer?.Dispose();
    }

    private async Task ProbeAsync()
    {
        bool hasSpace;
        try
        {
            hasSpace = await store.ProbeSpaceAsync(CancellationToken.None);
        }
        catch (Exception exception)
        {
            Log.ProbeFailed(logger, exception);
            hasSpace = false;
        }

        if (!hasSpace)
        {
            lock (_gate) _timer?.Change(ProbeInterval, Timeout.InfiniteTimeSpan);
            return;
        }

        lock (_gate) _isFull = false;
        Log.HasSpace(logger);
        onSpace();
    }

    private static partial class Log
    {
        [LoggerMessage(3121, LogLevel.Error, "The store has no space: reads are served, writes are refused")]
        public static partial void Full(ILogger logger);

        [LoggerMessage(3122, LogLevel.Information, "The store has space again")]
        public static partial void HasSpace(ILogger logger);

        [LoggerMessage(3123, LogLevel.Warning, "The store could not be probed for space")]
        public static partial void ProbeFailed(ILogger logger, Exception exception);
    }
}
