using AgentBudget.Audit;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Checkpoints;

/// <summary>
/// Keeps the newest signed checkpoint of each ledger in one file apart from the store, once a minute and at a clean
/// stop, and holds the ledgers to it at the next start. So a store that was put back, cut off or written anew is seen
/// without anyone asking.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="key">Signs.</param>
/// <param name="store">Where the ledgers are.</param>
/// <param name="time">Every clock.</param>
/// <param name="logger">Logs.</param>
internal sealed partial class CheckpointKeeper(
    string path, CheckpointKey key, ILedgerStore store, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>
    /// What a store loses of the last minute goes unseen here. Signing the moved ledgers takes about 0.2 ms each.
    /// </summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly SortedDictionary<string, Kept> _kept = new(StringComparer.Ordinal);
    private ITenantHost? _host;
    private bool _isDue; // Something was signed that is not in the file.
    private Task _loop = Task.CompletedTask;

    private readonly record struct Kept(long Sequence, string Signed);

    /// <summary>
    /// Holds the stored ledgers to the checkpoints in the file. Throws <see cref="StoreException"/> that names the
    /// first ledger that is not what was signed, or a file whose signatures are not this key's.
    /// </summary>
    internal async Task CompareAsync(CancellationToken cancellationToken)
    {
        foreach ((string signed, LedgerCheckpoint checkpoint) in ReadFile())
        {
            string? fault = await JournalCheckpoint.CompareAsync(store, checkpoint, cancellationToken) switch
            {
                CheckpointState.Confirmed => null,
                CheckpointState.Truncated => "ends before it",
                _ => "is another there",
            };
            if (fault is not null)
            {
                throw new StoreException(
                    $"The ledger of {checkpoint.Tenant} was signed up to event {checkpoint.Sequence} and {fault}: "
                    + "it was put back, cut off or written anew. Look at it with --verify and restore it, or move "
                    + $"{path} away to go on with it as it is.");
            }

            _kept[checkpoint.Tenant] = new Kept(checkpoint.Sequence, signed);
        }
    }

    /// <summary>Begins to keep the checkpoints of a host's tenants.</summary>
    internal void Follow(ITenantHost host)
    {
        _host = host;
        _loop = RunAsync();
    }

    /// <summary>Signs every ledger that moved since, and puts the file in place when any did.</summary>
    internal async Task KeepAsync(CancellationToken cancellationToken)
    {
        foreach (string tenant in _host!.Tenants)
        {
            long durable = await _host.DurableSequenceAsync(tenant, cancellationToken);
            if (durable <= _kept.GetValueOrDefault(tenant).Sequence)
                continue;
            try
            {
                LedgerCheckpoint? checkpoint =
                    await JournalCheckpoint.TakeAsync(store, tenant, time.GetUtcNow(), cancellationToken);
                if (checkpoint is null)
                    continue;
                _kept[tenant] = new Kept(checkpoint.Sequence, key.Sign(checkpoint));
                _isDue = true;
            }
            catch (JournalDamagedException damage)
            {
                Log.Damaged(logger, tenant, damage);
            }
        }

        if (!_isDue)
            return;
        CheckpointFile.Replace(path, _kept.Values.Select(kept => kept.Signed));
        _isDue = false;
    }

    /// <summary>Keeps what the tenants wrote until they stopped, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _loop;
        if (_host is not null)
            await TryKeepAsync(CancellationToken.None);
        _stopping.Dispose();
    }

    private IReadOnlyList<(string Signed, LedgerCheckpoint Checkpoint)> ReadFile()
    {
        if (!File.Exists(path))
            return [];
        try
        {
            return CheckpointFile.Read(path, key.ToVerifier());
        }
        catch (InvalidDataException fault)
        {
            throw new StoreException(
                $"{fault.Message} Restore the file or its key, or move {path} away to go on without it.", fault);
        }
    }

    private async Task RunAsync()
    {
        using PeriodicTimer timer = new(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
                await TryKeepAsync(_stopping.Token);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
    }

    // What could not be kept now is kept a minute later; serving does not depend on it.
    private async Task TryKeepAsync(CancellationToken cancellationToken)
    {
        try
        {
            await KeepAsync(cancellationToken);
        }
        catch (Exception fault) when (fault is StoreException or TenantException or IOException
            or UnauthorizedAccessException)
        {
            Log.NotKept(logger, path, fault);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(63, LogLevel.Error, "The checkpoints could not be kept in {Path}; tried again in a minute")]
        internal static partial void NotKept(ILogger logger, string path, Exception fault);

        [LoggerMessage(64, LogLevel.Error, "The ledger of {Tenant} is not signed, it is damaged")]
        internal static partial void Damaged(ILogger logger, string tenant, JournalDamagedException damage);
    }
}
