using AgentBudget.Grains.Abstractions;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Events;
using AgentBudget.Storage;

namespace AgentBudget.Grains.Feeds;

/// <summary>Reads a tenant's ledger by position: recent events from the tenant's memory, older ones from the journal.
/// </summary>
internal sealed class LedgerPages(IGrainFactory grains, ILedgerStore store)
{
    private const int EventsPerPageMax = 4096; // One group.

    /// <summary>Events from a sequence on, none after the last one that is known to be durable.</summary>
    internal async Task<EventPage> ReadAsync(
        string tenant, long fromSequence, long durableSequence, CancellationToken cancellationToken)
    {
        EventPage recent = await grains.GetGrain<ITenantGrain>(tenant).ReadRecent(fromSequence);
        if (recent.Events.Length > 0) return recent;
        List<LedgerEvent> stored = await JournalReader.ReadAsync(
            store, tenant, fromSequence, durableSequence, EventsPerPageMax, cancellationToken);
        return new EventPage([.. stored]);
    }

    /// <summary>The sequence of the last durable event.</summary>
    internal async Task<long> HeadAsync(string tenant) =>
        (await store.ReadHeadAsync(tenant, CancellationToken.None)).LastEvent;
}
