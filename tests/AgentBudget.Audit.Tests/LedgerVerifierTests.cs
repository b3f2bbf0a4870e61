using AgentBudget.Protocol.V1;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;
using Google.Protobuf;

namespace AgentBudget.Audit.Tests;

public sealed class LedgerVerifierTests
{
    [Fact]
    public async Task A_stored_journal_is_verified_to_its_head()
    {
        await using var store = new InMemoryStore();
        AuditedLedger ledger = Busy();
        JournalHead head = await StoredLedger.StoreAsync(
            store, ledger.Journal.Select(ledgerEvent => ledgerEvent.ToByteArray()));

        AuditReport report = await VerifyAsync(store);

        Assert.Empty(report.Findings);
        Assert.Equal(ledger.Journal.Count, report.Events);
        Assert.Equal(head.Sequence, report.Groups);
        Assert.Equal(head.Hash.ToString(), report.HeadHash);
    }

    [Fact]
    public async Task Progress_is_told_page_by_page_up_to_the_end()
    {
        await using var store = new InMemoryStore();
        AuditedLedger ledger = Busy();
        await StoredLedger.StoreAsync(store, ledger.Journal.Select(ledgerEvent => ledgerEvent.ToByteArray()));
        var progress = new Progress();

        await LedgerVerifier.VerifyAsync(
            store, AuditedLedger.Tenant, VerifyScope.Whole, progress, CancellationToken.None);

        long events = ledger.Journal.Count;
        Assert.Equal(new VerifyProgress(AuditedLedger.Tenant, events, events, Findings: 0), progress.Seen[^1]);
    }

    [Fact]
    public async Task A_tenant_without_a_journal_is_clean_and_empty()
    {
        await using var store = new InMemoryStore();

        AuditReport report = await VerifyAsync(store);

        Assert.True(report.IsClean);
        Assert.Equal(0, report.Events);
        Assert.Null(report.FirstTime);
    }

    [Fact]
    public async Task A_changed_byte_is_found_in_its_group_and_ends_the_audit()
    {
        await using var store = new InMemoryStore();
        await StoredLedger.StoreAsync(store, Busy().Journal.Select(ledgerEvent => ledgerEvent.ToByteArray()));
        IReadOnlyList<StoredGroup> fromThird =
            await store.ReadGroupsAsync(AuditedLedger.Tenant, 5, int.MaxValue, CancellationToken.None);
        StoredGroup third = fromThird[0];
        byte[] body = third.Body.ToArray();
        body[^1] ^= 1;
        store.Overwrite(AuditedLedger.Tenant, third.Sequence, body);

        AuditReport report = await VerifyAsync(store);

        AuditFinding finding = Assert.Single(report.Findings);
        Assert.Equal((AuditRule.Chain, 5L, 3L), (finding.Rule, finding.Sequence, finding.Group));
        Assert.Contains("bytes do not match its hash", finding.Sentence, StringComparison.Ordinal);
        Assert.Equal(4, report.Events);
    }

    [Fact]
    public async Task A_wrong_event_is_found_with_its_group()
    {
        await using var store = new InMemoryStore();
        List<LedgerEvent> journal = [.. Busy().Journal];
        journal[^1] = journal[^1].Clone();
        journal[^1].ReservationSettled.CostNanos--;
        await StoredLedger.StoreAsync(store, journal.Select(ledgerEvent => ledgerEvent.ToByteArray()));

        AuditFinding finding = Assert.Single((await VerifyAsync(store)).Findings);

        Assert.Equal(AuditRule.SettleCost, finding.Rule);
        Assert.Equal(journal.Count, finding.Sequence);
        Assert.Equal((journal.Count + StoredLedger.EventsPerGroup - 1) / StoredLedger.EventsPerGroup, finding.Group);
    }

    [Fact]
    public async Task Bytes_that_are_no_event_are_found()
    {
        await using var store = new InMemoryStore();
        byte[] noEvent = [0xff, 0xff, 0xff];
        await StoredLedger.StoreAsync(
            store, [.. Busy().Journal.Select(ledgerEvent => ledgerEvent.ToByteArray()), noEvent]);

        AuditFinding finding = Assert.Single((await VerifyAsync(store)).Findings);

        Assert.Equal(AuditRule.Format, finding.Rule);
    }

    [Fact]
    public async Task A_field_of_another_release_is_found()
    {
        await using var store = new InMemoryStore();
        byte[][] events = [.. Busy().Journal.Select(ledgerEvent => ledgerEvent.ToByteArray())];
        events[^1] = [.. events[^1], 0xf8, 0x3f, 0x01]; // Field 1023 is 1.
        await StoredLedger.StoreAsync(store, events);

        AuditFinding finding = Assert.Single((await VerifyAsync(store)).Findings);

        Assert.Equal((AuditRule.Format, (long)events.Length), (finding.Rule, finding.Sequence));
    }

    private static AuditedLedger Busy()
    {
        var ledger = new AuditedLedger();
        long session = ledger.Open();
        for (int call = 0; call < 10; call++) ledger.Commit(session, ledger.Hold(session));
        return ledger;
    }

    private static Task<AuditReport> VerifyAsync(InMemoryStore store) =>
        LedgerVerifier.VerifyAsync(
            store, AuditedLedger.Tenant, VerifyScope.Whole, progress: null, CancellationToken.None);

    private sealed class Progress : IProgress<VerifyProgress>
    {
        public List<VerifyProgress> Seen { get; } = [];

        public void Report(VerifyProgress value) => Seen.Add(value);
    }
}
