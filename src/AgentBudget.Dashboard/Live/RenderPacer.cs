namespace AgentBudget.Dashboard.Live;

/// <summary>
/// Turns any number of changes into at most four renders a second. The first change after a rest is shown at once;
/// while nothing changes, nothing runs.
/// </summary>
internal sealed class RenderPacer(TimeProvider time, Func<Task> renderAsync) : IAsyncDisposable
{
    /// <summary>The time between two renders: faster is not read, and costs the browser its battery.</summary>
    internal static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(250);

    private readonly Lock _lock = new();
    private ITimer? _timer;
    private long? _renderedAt;
    private bool _isWaiting;
    private bool _isDisposed;

    /// <summary>Something changed.</summary>
    internal void Mark()
    {
        lock (_lock)
        {
            if (_isWaiting || _isDisposed) return;
            _isWaiting = true;
            TimeSpan rest = _renderedAt is { } at ? Pace - time.GetElapsedTime(at) : TimeSpan.Zero;
            if (rest < TimeSpan.Zero) rest = TimeSpan.Zero;
            _timer ??= time.CreateTimer(
                pacer => _ = ((RenderPacer)pacer!).RenderAsync(), this, Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan);
            _timer.Change(rest, Timeout.InfiniteTimeSpan);
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _isDisposed = true;
            return _timer?.DisposeAsync() ?? ValueTask.CompletedTask;
        }
    }

    private async Task RenderAsync()
    {
        lock (_lock)
        {
            if (_isDisposed) return;
            _isWaiting = false; // A change from here on is of the next render.
            _renderedAt = time.GetTimestamp();
        }

        await renderAsync();
    }
}
