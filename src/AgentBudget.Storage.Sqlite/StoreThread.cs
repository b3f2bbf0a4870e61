using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Sqlite.Engine;
using AgentBudget.Storage.Sqlite.Files;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Storage.Sqlite;

/// <summary>
/// The one thread that talks to SQLite. It commits all appends that wait, of all tenants, with one sync; then writes
/// the completeness marker; then says so. Between two commits it does at most one other thing, each of bounded size.
/// </summary>
internal sealed partial class StoreThread : IDisposable
{
    /// <summary>Groups in one transaction: what a commit makes others wait for stays within milliseconds.</summary>
    private const int GroupsPerCommitMax = 512;

    /// <summary>Bytes in one transaction, for the same reason; one group may be larger.</summary>
    private const long BytesPerCommitMax = 8 * 1024 * 1024;

    /// <summary>
    /// Pages in the log at which it is moved into the database (4 KiB each): a pause of some milliseconds. More would
    /// pause longer, fewer more often.
    /// </summary>
    private const int CheckpointPages = 512;

    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _work = new(initialState: false, spinCount: 0);
    private readonly Queue<PendingAppend> _appends = new();
    private readonly Queue<StoreRequest> _requests = new();
    private readonly List<PendingAppend> _batch = [];
    private readonly List<AppendOutcome> _outcomes = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SqliteEngine _engine;
    private readonly JournalTable _journal;
    private readonly CompletenessMarker _marker;
    private readonly Action<StoreException> _onFailed;
    private readonly ILogger _logger;
    private long _nextCheckpointPages = CheckpointPages;
    private bool _isStopping;
    private StoreException? _failure;

    public StoreThread(
        SqliteEngine engine,
        JournalTable journal,
        CompletenessMarker marker,
        Action<StoreException> onFailed,
        ILogger logger)
    {
        _engine = engine;
        _journal = journal;
        _marker = marker;
        _onFailed = onFailed;
        _logger = logger;
        new Thread(Run) { Name = "agentbudget-store", IsBackground = true }.Start();
    }

    /// <summary>Completes when the thread has ended after <see cref="Stop"/>.</summary>
    public Task Ended => _ended.Task;

    public void Append(JournalGroup group, IAppendCompletion completion)
    {
        lock (_gate)
        {
            if (!_isStopping)
            {
                _appends.Enqueue(new PendingAppend(group, completion));
                _work.Set();
                return;
            }
        }

        // Never handed to SQLite; still, "unknown" is all that a closed store says.
        completion.AppendCompleted(AppendOutcome.Unknown);
    }

    public void Enqueue(StoreRequest request)
    {
        lock (_gate)
        {
            if (!_isStopping)
            {
                _requests.Enqueue(request);
                _work.Set();
                return;
            }
        }

        request.Fail(new StoreException("the store is closed"));
    }

    /// <summary>What is queued is still done; nothing new is taken.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _isStopping = true;
            _work.Set();
        }
    }

    /// <summary>Only after <see cref="Ended"/>.</summary>
    public void Dispose() => _work.Dispose();

    /// <summary>Runs a write in a transaction of its own. Store's thread only.</summary>
    public T RunWrite<T>(Func<T> write) => RunWrite(write, static _ => true);

    /// <summary>The same, and undoes it all when it answers false.</summary>
    public bool RunWriteIf(Func<bool> write) => RunWrite(write, static isWhole => isWhole);

    private T RunWrite<T>(Func<T> write, Func<T, bool> isKept)
    {
        try
        {
            _engine.Begin();
            T result = write();
            if (isKept(result)) _engine.Commit();
            else _engine.Rollback();
            return result;
        }
        catch (SqliteFaultException exception)
        {
            if (TryUndo(exception)) throw new StoreException("the store has no space", exception);
            Fail(exception);
            throw _failure!;
        }
        catch (IOException exception)
        {
            Fail(exception);
            throw _failure!;
        }
    }

    private void Run()
    {
        NativeThreads.AskToRunSoon();
        while (TryTakeWork(out StoreRequest? request))
        {
            if (_batch.Count > 0) CommitBatch();
            if (request is not null) RunRequest(request);
            CheckpointIfDue();
        }

        _ended.SetResult();
    }

    private bool TryTakeWork(out StoreRequest? request)
    {
        while (true)
        {
            lock (_gate)
            {
                TakeBatch();
                _requests.TryDequeue(out request);
                if (_batch.Count > 0 || request is not null) return true;
                if (_isStopping) return false;
                _work.Reset();
            }

            _work.Wait();
        }
    }

    private void TakeBatch()
    {
        long bytes = 0;
        while (_batch.Count < GroupsPerCommitMax && _appends.TryPeek(out PendingAppend next))
        {
            bytes += next.Group.Body.Length;
            if (_batch.Count > 0 && bytes > BytesPerCommitMax) return;
            _batch.Add(_appends.Dequeue());
        }
    }

    private void CommitBatch()
    {
        if (_failure is null) Commit();
        if (_failure is not null) SetAll(AppendOutcome.Unknown);
        for (int i = 0; i < _batch.Count; i++) _batch[i].Completion.AppendCompleted(_outcomes[i]);
        _batch.Clear();
        _outcomes.Clear();
    }

    private void Commit()
    {
        try
        {
            long position = 0;
            ChainHash hash = default;
            _engine.Begin();
            foreach (PendingAppend append in _batch)
            {
                long row = _journal.Append(append.Group);
                _outcomes.Add(row > 0 ? AppendOutcome.Appended : AppendOutcome.FenceLost);
                if (row == 0) continue;
                position = row;
                hash = append.Group.Hash;
            }

            _engine.Commit();
            // From here on the groups are durable, and nothing may be answered before the marker knows them.
            if (position > 0) WriteMarker(position, hash);
        }
        catch (SqliteFaultException exception)
        {
            if (!TryUndo(exception))
            {
                Fail(exception);
                return;
            }

            Log.NoSpace(_logger, _batch.Count);
            SetAll(AppendOutcome.NoSpace);
        }
        catch (IOException exception)
        {
            Fail(exception);
        }
    }

    /// <summary>
    /// The marker's bytes have their place on the disk already, so "no space" is a passing refusal before anything was
    /// written: it is tried once more. Any other error is a failed write.
    /// </summary>
    private void WriteMarker(long position, ChainHash hash)
    {
        try
        {
            _marker.Write(position, hash);
        }
        catch (IOException exception) when (IsNoSpace(exception))
        {
            _marker.Write(position, hash);
        }
    }

    private static bool IsNoSpace(IOException exception)
    {
        const int NoSpaceOnUnix = 28; // ENOSPC
        const int DiskFullOnWindows = unchecked((int)0x80070070); // HRESULT of ERROR_DISK_FULL
        return exception.HResult is NoSpaceOnUnix or DiskFullOnWindows;
    }

    private void SetAll(AppendOutcome outcome)
    {
        _outcomes.Clear();
        for (int i = 0; i < _batch.Count; i++) _outcomes.Add(outcome);
    }

    /// <summary>True when nothing was written and the store can go on; false when it must not be used again.</summary>
    private bool TryUndo(SqliteFaultException exception)
    {
        if (exception.WriteFault != WriteFault.NoSpace) return false;
        try
        {
            _engine.Rollback();
            return true;
        }
        catch (SqliteFaultException rollback)
        {
            Log.RollbackFailed(_logger, rollback);
            return false;
        }
    }

    private void RunRequest(StoreRequest request)
    {
        if (_failure is not null)
        {
            request.Fail(_failure);
            return;
        }

        try
        {
            request.Run();
        }
        catch (SqliteFaultException exception)
        {
            request.Fail(new StoreException($"the store cannot be read: {exception.Message}", exception));
        }
        catch (Exception exception)
        {
            request.Fail(exception);
        }
    }

    private void CheckpointIfDue()
    {
        if (_failure is not null) return;
        long pages = _engine.CountLoggedPages();
        if (pages < _nextCheckpointPages) return;
        try
        {
            _engine.Checkpoint();
            _nextCheckpointPages = CheckpointPages;
        }
        catch (SqliteFaultException exception) when (exception.WriteFault == WriteFault.NoSpace)
        {
            // The log has everything; it grows until there is space in the database.
            _nextCheckpointPages = pages + CheckpointPages;
            Log.CheckpointPutOff(_logger, pages);
        }
        catch (SqliteFaultException exception)
        {
            Fail(exception);
        }
    }

    private void Fail(Exception exception)
    {
        if (_failure is not null) return;
        _failure = new StoreException(
            $"a write to the ledger's store failed and its outcome is unknown: {exception.Message}", exception);
        Log.Failed(_logger, _failure);
        _onFailed(_failure);
    }

    private readonly record struct PendingAppend(JournalGroup Group, IAppendCompletion Completion);

    private static partial class Log
    {
        [LoggerMessage(2001, LogLevel.Critical, "The ledger's store failed; this process must end")]
        public static partial void Failed(ILogger logger, Exception exception);

        [LoggerMessage(2002, LogLevel.Warning, "The ledger's store has no space; {Groups} groups were not written")]
        public static partial void NoSpace(ILogger logger, int groups);

        [LoggerMessage(2003, LogLevel.Warning, "There is no space to move the log of {Pages} pages into the database")]
        public static partial void CheckpointPutOff(ILogger logger, long pages);

        [LoggerMessage(2004, LogLevel.Error, "A transaction could not be undone")]
        public static partial void RollbackFailed(ILogger logger, Exception exception);
    }
}
