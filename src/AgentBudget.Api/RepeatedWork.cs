namespace AgentBudget.Api;

/// <summary>
/// Work that goes on beside the calls until it is disposed: done, a pause, done again. What failed is told and tried
/// again after the pause, so that it never ends by itself.
/// </summary>
internal sealed class RepeatedWork : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly Func<CancellationToken, Task> _work;
    private readonly Action<Exception> _onFailed;
    private readonly TimeSpan _pause;
    private readonly TimeProvider _time;
    private readonly Task _running;
    private bool _isDisposed;

    /// <param name="work">Begins at once. Its token fires when the work is disposed; what it throws then is not told.
    /// </param>
    /// <param name="pause">Between the end of one time and the beginning of the next.</param>
    /// <param name="time">Counts the pause.</param>
    /// <param name="onFailed">Told what the work threw; must not throw.</param>
    internal RepeatedWork(
        Func<CancellationToken, Task> work, TimeSpan pause, TimeProvider time, Action<Exception> onFailed)
    {
        _work = work;
        _pause = pause;
        _time = time;
        _onFailed = onFailed;
        _running = Task.Run(RunAsync);
    }

    /// <summary>Completes when the work has ended. Repeated, it does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
            return;
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
    }

    private async Task RunAsync()
    {
        CancellationToken stopping = _stopping.Token;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await _work(stopping);
            }
            catch (Exception fault)
            {
                if (stopping.IsCancellationRequested)
                    return;
                _onFailed(fault);
            }

            await Task.Delay(_pause, _time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
