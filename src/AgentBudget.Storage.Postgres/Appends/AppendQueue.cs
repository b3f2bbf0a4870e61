using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.Postgres.Appends;

/// <summary>
/// One tenant's appends, decided one after the other in the order in which they came. What waits behind one that nobody
/// knows the end of is not tried: it would be decided on a guess. Safe for any thread.
/// </summary>
internal sealed class AppendQueue(GroupAppender appender) : IThreadPoolWorkItem
{
    private readonly Lock _gate = new();
    private readonly Queue<(GroupRow Row, IAppendCompletion Completion)> _waiting = new();
    private bool _isRunning;

    public void Enqueue(GroupRow row, IAppendCompletion completion)
    {
        lock (_gate)
        {
            _waiting.Enqueue((row, completion));
            if (_isRunning) return;
            _isRunning = true;
        }

        // On the pool, whatever scheduler the caller is on.
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>What waits is answered still.</summary>
    void IThreadPoolWorkItem.Execute() => _ = RunAsync();

    private async Task RunAsync()
    {
        while (true)
        {
            GroupRow row;
            IAppendCompletion completion;
            lock (_gate)
            {
                if (!_waiting.TryDequeue(out (GroupRow Row, IAppendCompletion Completion) next))
                {
                    _isRunning = false;
                    return;
                }

                (row, completion) = next;
            }

            AppendOutcome outcome = await appender.AppendAsync(row);
            IAppendCompletion[] behind = outcome == AppendOutcome.Unknown ? TakeWaiting() : [];
            completion.AppendCompleted(outcome);
            foreach (IAppendCompletion untried in behind) untried.AppendCompleted(AppendOutcome.Unknown);
        }
    }

    private IAppendCompletion[] TakeWaiting()
    {
        lock (_gate)
        {
            IAppendCompletion[] waiting = [.. _waiting.Select(append => append.Completion)];
            _waiting.Clear();
            return waiting;
        }
    }
}
