using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;
using Google.Protobuf;

namespace AgentBudget.Audit.Tests;

/// <summary>Journals in a store, in groups of two events.</summary>
internal static class StoredLedger
{
    public const int EventsPerGroup = 2;

    /// <summary>Stores events behind those that are there.</summary>
    public static async Task<JournalHead> StoreAsync(ILedgerStore store, IEnumerable<byte[]> events)
    {
        long epoch = await store.AcquireAsync(AuditedLedger.Tenant, CancellationToken.None);
        JournalHead head = await store.ReadHeadAsync(AuditedLedger.Tenant, CancellationToken.None);
        foreach (byte[][] chunk in events.Chunk(EventsPerGroup))
        {
            using var group = new JournalGroup(AuditedLedger.Tenant);
            foreach (byte[] bytes in chunk) bytes.CopyTo(group.AddEvent(bytes.Length));
            group.Seal(head, epoch);
            var completion = new Completion();
            store.BeginAppend(group, completion);
            Assert.Equal(AppendOutcome.Appended, completion.Outcome);
            head = group.Head;
        }

        return head;
    }

    /// <summary>A store with these events.</summary>
    public static async Task<InMemoryStore> OfAsync(IEnumerable<LedgerEvent> journal)
    {
        var store = new InMemoryStore();
        await StoreAsync(store, journal.Select(ledgerEvent => ledgerEvent.ToByteArray()));
        return store;
    }

    private sealed class Completion : IAppendCompletion
    {
        public AppendOutcome? Outcome { get; private set; }

        public void AppendCompleted(AppendOutcome outcome) => Outcome = outcome;
    }
}
