namespace AgentBudget.Storage.Journal;

/// <summary>
/// Appends of many tenants on their way into a shared store: those of one tenant are decided one after the other in the
/// order in which they came. What waits behind one that nobody knows the end of is not tried: it would be decided on a
/// guess. Safe for any thread.
/// </summary>
/// <typeparam name="TGroup">A group with bytes of its own, so that nobody waits for an attempt that hangs.</typeparam>
/// <param name="append">Appends one group; never throws.</param>
public sealed class AppendQueues<TGroup>(Func<TGroup, Task<AppendOutcome>> append)
{
    private readonly Dictionary<string, TenantQueue> _queues = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _underWay;
    private bool _isClosed;

    /// <summary>Takes a group; one that comes after the end was never sent, and is answered as unknown.</summary>
    public void Enqueue(string tenant, TGroup group, IAppendCompletion completion)
    {
        TenantQueue? queue;
        lock (_gate)
        {
            if (_isClosed)
            {
                queue = null;
            }
            else
            {
                _underWay++;
                if (!_queues.TryGetValue(tenant, out queue)) _queues.Add(tenant, queue = new TenantQueue(this));
            }
        }

        if (queue is null) completion.AppendCompleted(AppendOutcome.Unknown);
        else queue.Enqueue(group, completion);
    }

    /// <summary>Takes nothing more, and completes when everything that was taken is answered.</summary>
    public Task CloseAsync()
    {
        lock (_gate)
        {
            if (!_isClosed && _underWay == 0) _drained.SetResult();
            _isClosed = true;
        }

        return _drained.Task;
    }

    private Task<AppendOutcome> AppendAsync(TGroup group) => append(group);

    private void Answer(IAppendCompletion completion, AppendOutcome outcome)
    {
        completion.AppendCompleted(outcome);
        lock (_gate)
        {
            if (--_underWay == 0 && _isClosed) _drained.SetResult();
        }
    }

    private sealed class TenantQueue(AppendQueues<TGroup> all) : IThreadPoolWorkItem
    {
        private readonly Lock _gate = new();
        private readonly Queue<(TGroup Group, IAppendCompletion Completion)> _waiting = new();
        private bool _isRunning;

        public void Enqueue(TGroup group, IAppendCompletion completion)
        {
            lock (_gate)
            {
                _waiting.Enqueue((group, completion));
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
                (TGroup Group, IAppendCompletion Completion) next;
                lock (_gate)
                {
                    if (!_waiting.TryDequeue(out next))
                    {
                        _isRunning = false;
                        return;
                    }
                }

                AppendOutcome outcome = await all.AppendAsync(next.Group);
                IAppendCompletion[] behind = outcome == AppendOutcome.Unknown ? TakeWaiting() : [];
                all.Answer(next.Completion, outcome);
                foreach (IAppendCompletion untried in behind) all.Answer(untried, AppendOutcome.Unknown);
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
}
