using System.Collections.Concurrent;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.Logging;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Access;

/// <summary>
/// Brings the credentials of a tenant to the directory when one of them is first presented, and keeps them as the
/// tenant's ledger goes on. A tenant that can no longer be followed leaves the directory, so that nothing old is
/// believed.
/// </summary>
public sealed partial class CredentialFeed : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<Task<bool>>> _loads = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Task, byte> _follows = new();
    private readonly Lock _gate = new();
    private readonly List<(string Tenant, long Sequence, TaskCompletionSource Reached)> _waits = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly ITenantHost _host;
    private readonly CredentialDirectory _directory;
    private readonly ILogger _logger;
    private bool _isDisposed;

    /// <summary>Feeds nothing yet. Neither host nor directory is disposed with it.</summary>
    public CredentialFeed(ITenantHost host, CredentialDirectory directory, ILogger<CredentialFeed> logger)
    {
        _host = host;
        _directory = directory;
        _logger = logger;
    }

    /// <summary>The directory that it feeds.</summary>
    internal CredentialDirectory Directory => _directory;

    /// <summary>
    /// The live credential with this key id, its tenant loaded if need be; null when there is none. Throws
    /// <see cref="TenantException"/>.
    /// </summary>
    internal async ValueTask<LiveCredential?> FindByKeyIdAsync(string keyId)
    {
        CredentialLookup found = _directory.FindByKeyId(keyId, out LiveCredential? credential);
        if (found == CredentialLookup.TenantNotLoaded && await LoadTenantOfAsync(keyId))
            _directory.FindByKeyId(keyId, out credential);
        return credential;
    }

    /// <summary>The holder of a presented secret; otherwise as <see cref="FindByKeyIdAsync"/>.</summary>
    internal async ValueTask<CredentialCaller?> FindAsync(string presented, CallOrigin origin)
    {
        CredentialLookup found = _directory.Find(presented, known: null, origin, out CredentialCaller? caller);
        if (found == CredentialLookup.TenantNotLoaded
            && CredentialDirectory.TryGetTenant(presented, out string? tenant) && FieldRules.IsId(tenant)
            && await LoadAsync(tenant))
        {
            _directory.Find(presented, known: null, origin, out caller);
        }

        return caller;
    }

    private async ValueTask<bool> LoadTenantOfAsync(string keyId) =>
        CredentialDirectory.TenantOfKeyId(keyId) is { } tenant && FieldRules.IsId(tenant) && await LoadAsync(tenant);

    /// <summary>Loads a tenant. False when there is none of that name; throws <see cref="TenantException"/>.</summary>
    internal async ValueTask<bool> LoadAsync(string tenant)
    {
        Lazy<Task<bool>> load = _loads.GetOrAdd(tenant, name => new Lazy<Task<bool>>(() => LoadCoreAsync(name)));
        try
        {
            return await load.Value;
        }
        finally
        {
            // Whatever came of it, the next one who misses the tenant asks anew.
            _loads.TryRemove(new KeyValuePair<string, Lazy<Task<bool>>>(tenant, load));
        }
    }

    /// <summary>Completes once what happened at a sequence is known to the directory, or was never asked for.</summary>
    internal Task WaitForAsync(string tenant, long sequence)
    {
        lock (_gate)
        {
            if (_directory.Position(tenant) is not long position || position >= sequence)
                return Task.CompletedTask;
            TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _waits.Add((tenant, sequence, reached));
            return reached.Task;
        }
    }

    /// <summary>
    /// As <see cref="WaitForAsync"/>, and also for what is being loaded now: it may have been read before the event.
    /// </summary>
    internal async Task CatchUpAsync(string tenant, long sequence)
    {
        if (_loads.TryGetValue(tenant, out Lazy<Task<bool>>? load))
            await ((Task)load.Value).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await WaitForAsync(tenant, sequence);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
            return;
        await _stopping.CancelAsync();
        await Task.WhenAll(_follows.Keys);
        _stopping.Dispose();
    }

    private async Task<bool> LoadCoreAsync(string tenant)
    {
        Answer answer = await _host.SubmitAsync(tenant, new CredentialBookQuery());
        if (answer.Outcome != Outcome.Done)
        {
            _directory.NoteAbsent(tenant);
            return false;
        }

        _directory.NotePresent(tenant);
        CredentialBookState book = (CredentialBookState)answer.View!;
        _directory.Load(tenant, book);
        Task follow = Task.Run(() => FollowAsync(tenant, book.Sequence + 1));
        _follows.TryAdd(follow, 0);
        _ = follow.ContinueWith(
            ended => _follows.TryRemove(ended, out _), CancellationToken.None, TaskContinuationOptions.None,
            TaskScheduler.Default);
        return true;
    }

    private async Task FollowAsync(string tenant, long fromSequence)
    {
        try
        {
            await foreach (IReadOnlyList<LedgerEvent> events in _host.WatchAsync(tenant, fromSequence, _stopping.Token))
            {
                _directory.Apply(tenant, events);
                CompleteWaits(tenant, events[^1].Sequence);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The service stops.
        }
        catch (Exception fault)
        {
            Log.Lost(_logger, tenant, fault);
        }
        finally
        {
            _directory.Unload(tenant);
            CompleteWaits(tenant, long.MaxValue);
        }
    }

    private void CompleteWaits(string tenant, long sequence)
    {
        lock (_gate)
        {
            for (int index = _waits.Count - 1; index >= 0; index--)
            {
                if (_waits[index].Tenant != tenant || _waits[index].Sequence > sequence)
                    continue;
                _waits[index].Reached.SetResult();
                _waits.RemoveAt(index);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(42, LogLevel.Warning, "The credentials of {Tenant} are loaded again when they are next needed")]
        internal static partial void Lost(ILogger logger, string tenant, Exception fault);
    }
}
