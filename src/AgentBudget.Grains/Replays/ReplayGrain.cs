using AgentBudget.Grains.Abstractions.Entities;
using AgentBudget.Grains.Placement;
using AgentBudget.Identity;
using AgentBudget.Storage;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Grains.Replays;

/// <summary>
/// See <see cref="IReplayGrain"/>. One for a whole tenant, so that the tenant's share is counted in one place and the
/// store is told once for all of its principals. Should there be two for a moment, the store lets one of them go on.
/// </summary>
[TenantPlacement]
internal sealed partial class ReplayGrain(SharedKeys keys, TimeProvider time, ILogger<ReplayGrain> logger)
    : Grain, IReplayGrain, IDisposable
{
    private SharedReplayMemory? _memory;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        EntityKey key = EntityKey.Parse(this.GetPrimaryKeyString());
        _memory = new SharedReplayMemory(keys, ReplayKind.Of(key.Name), key.Tenant, time);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async ValueTask<ProofOutcome> Use(string principal, byte[] idHash, long issuedSeconds)
    {
        try
        {
            return await _memory!.TryUseAsync(principal, idHash, issuedSeconds, CancellationToken.None);
        }
        catch (Exception fault) when (fault is StoreException or InvalidDataException)
        {
            Log.NotKnown(logger, this.GetPrimaryKeyString(), fault);
            return ProofOutcome.Unknown;
        }
        finally
        {
            if (_memory!.IsFenced) DeactivateOnIdle();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory?.Dispose();

    private static partial class Log
    {
        [LoggerMessage(3361, LogLevel.Warning,
            "What was used of {Key} could not be told to the store; it is refused until it can be")]
        public static partial void NotKnown(ILogger logger, string key, Exception fault);
    }
}
