using Orleans.Concurrency;

namespace AgentBudget.Grains.Abstractions;

/// <summary>
/// Serves one tenant's ledger to watchers, apart from the tenant's grain, so that nobody who waits for events holds up
/// its hand-over. The key is the tenant's id.
/// </summary>
[Alias("agentbudget.ILedgerFeedGrain")]
public interface ILedgerFeedGrain : IGrainWithStringKey
{
    /// <summary>
    /// Durable events from a sequence on (at least 1), in order, without gaps and without end. Whoever follows comes
    /// again with the next sequence when the enumeration breaks.
    /// </summary>
    [AlwaysInterleave, Alias("Follow")]
    IAsyncEnumerable<EventPage> Follow(long fromSequence, CancellationToken cancellationToken);
}
