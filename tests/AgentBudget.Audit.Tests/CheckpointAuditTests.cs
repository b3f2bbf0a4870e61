using AgentBudget.Protocol.V1;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;
using Google.Protobuf;

namespace AgentBudget.Audit.Tests;

public sealed class CheckpointAuditTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 10, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_checkpoint_says_where_the_journal_durably_ends()
    {
        AuditedLedger ledger = Busy(calls: 3);
        await using InMemoryStore store = await StoredLedger.OfAsync(ledger.Journal);
        JournalHead head = await store.ReadHeadAsync(AuditedLedger.Tenant, CancellationToken.None);

        LedgerCheckpoint taken = await TakeAsync(store);

        Assert.Equal(
            (AuditedLedger.Tenant, head.LastEvent, head.Sequence, head.Epoch, head.Hash.ToString()),
            (taken.Tenant, taken.Sequence, taken.Group, taken.Epoch, taken.Hash));
        Assert.Equal((ledger.Last.Time, Now), (taken.Time, taken.IssueTime.ToDateTimeOffset()));
    }

    [Fact]
    public async Task A_journal_without_a_group_has_no_checkpoint()
    {
        await using var store = new InMemoryStore();
        Assert.Null(await JournalCheckpoint.TakeAsync(store, "acme", Now, CancellationToken.None));
    }

    [Fact]
    public async Task A_damaged_end_is_not_signed()
    {
        await using InMemoryStore store = await StoredLedger.OfAsync(Busy(calls: 3).Journal);
        JournalHead head = await store.ReadHeadAsync(AuditedLedger.Tenant, CancellationToken.None);
        await SpoilAsync(store, head.Sequence);

        await Assert.ThrowsAsync<JournalDamagedException>(() => TakeAsync(store));
    }

    [Fact]
    public async Task Checkpoints_are_confirmed_while_the_ledger_goes_on()
    {
        AuditedLedger ledger = Busy(calls: 10);
        (InMemoryStore store, LedgerCheckpoint early) = await SignedAsync(ledger.Journal, events: 6);
        await using InMemoryStore _ = store;
        await AppendAsync(store, ledger.Journal.Skip(6));
        LedgerCheckpoint late = await TakeAsync(store);

        AuditReport report = await VerifyAsync(store, late, early);

        Assert.Empty(report.Findings);
        Assert.Equal(
            [(late.Sequence, CheckpointState.Confirmed), (early.Sequence, CheckpointState.Confirmed)], Of(report));
        Assert.Equal(CheckpointState.Confirmed, await CompareAsync(store, early));
    }

    [Fact]
    public async Task A_journal_that_was_cut_off_is_found_at_its_first_missing_event()
    {
        AuditedLedger ledger = Busy(calls: 10);
        (InMemoryStore whole, LedgerCheckpoint late) = await SignedAsync(ledger.Journal, ledger.Journal.Count);
        await using InMemoryStore _ = whole;
        (InMemoryStore cut, LedgerCheckpoint early) = await SignedAsync(ledger.Journal, events: 6);
        await using InMemoryStore __ = cut;

        AuditReport report = await VerifyAsync(cut, early, late);

        AuditFinding finding = Assert.Single(report.Findings);
        Assert.Equal((AuditRule.Checkpoint, 7L, 4L), (finding.Rule, finding.Sequence, finding.Group));
        Assert.Contains($"ends at event 6 and was signed up to event {late.Sequence}", finding.Sentence);
        Assert.Equal([(6, CheckpointState.Confirmed), (late.Sequence, CheckpointState.Truncated)], Of(report));
        Assert.Equal(CheckpointState.Truncated, await CompareAsync(cut, late));
    }

    [Fact]
    public async Task A_journal_that_is_gone_is_found_by_its_checkpoint()
    {
        (InMemoryStore store, LedgerCheckpoint signed) = await SignedAsync(Busy(calls: 2).Journal, events: 4);
        await store.DisposeAsync();
        await using var empty = new InMemoryStore();

        AuditFinding finding = Assert.Single((await VerifyAsync(empty, signed)).Findings);

        Assert.Equal((AuditRule.Checkpoint, 1L), (finding.Rule, finding.Sequence));
    }

    [Fact]
    public async Task A_journal_that_was_written_anew_with_a_sound_chain_is_found_at_the_first_checkpoint_after_it()
    {
        AuditedLedger ledger = Busy(calls: 10);
        (InMemoryStore store, LedgerCheckpoint before) = await SignedAsync(ledger.Journal, events: 4);
        await using InMemoryStore _ = store;
        await AppendAsync(store, ledger.Journal.Skip(4).Take(4));
        LedgerCheckpoint first = await TakeAsync(store);
        await AppendAsync(store, ledger.Journal.Skip(8));
        LedgerCheckpoint second = await TakeAsync(store);

        // The same grants and charges, and one request that another is said to have asked for.
        List<LedgerEvent> forged = [.. ledger.Journal.Select(ledgerEvent => ledgerEvent.Clone())];
        forged[6].RequestId += "x";
        await using InMemoryStore anew = await StoredLedger.OfAsync(forged);
        Assert.Empty((await VerifyAsync(anew)).Findings);

        AuditReport report = await VerifyAsync(anew, before, first, second);

        AuditFinding finding = Assert.Single(report.Findings);
        Assert.Equal((AuditRule.Checkpoint, first.Sequence), (finding.Rule, finding.Sequence));
        Assert.Contains("was written anew after event 4", finding.Sentence);
        Assert.Equal(
            [
                (4, CheckpointState.Confirmed),
                (first.Sequence, CheckpointState.Rewritten),
                (second.Sequence, CheckpointState.Rewritten),
            ],
            Of(report));
        Assert.Equal(CheckpointState.Rewritten, await CompareAsync(anew, first));
    }

    [Fact]
    public async Task Behind_damage_a_checkpoint_is_not_reached()
    {
        (InMemoryStore store, LedgerCheckpoint signed) = await SignedAsync(Busy(calls: 10).Journal, events: 12);
        await using InMemoryStore _ = store;
        await SpoilAsync(store, sequence: 3);

        AuditReport report = await VerifyAsync(store, signed);

        Assert.Equal(AuditRule.Chain, Assert.Single(report.Findings).Rule);
        Assert.Equal([(12, CheckpointState.NotReached)], Of(report));
    }

    [Fact]
    public async Task A_verification_up_to_an_event_ends_with_its_group()
    {
        AuditedLedger ledger = Busy(calls: 10);
        ledger.Journal[^1].ReservationSettled.CostNanos--;
        await using InMemoryStore store = await StoredLedger.OfAsync(ledger.Journal);

        AuditReport part = await LedgerVerifier.VerifyAsync(
            store, AuditedLedger.Tenant, new VerifyScope { LastEvent = 5 }, progress: null, CancellationToken.None);

        Assert.Empty(part.Findings);
        Assert.Equal((6, 3), (part.Events, part.Groups));
        Assert.NotEmpty((await VerifyAsync(store)).Findings);
    }

    [Fact]
    public async Task What_is_appended_while_it_runs_is_not_looked_at()
    {
        AuditedLedger ledger = Busy(calls: 10);
        await using var store = new InMemoryStore();
        await AppendAsync(store, ledger.Journal.Take(6));
        bool isAppended = false;
        store.Faults.OnCall = method =>
        {
            if (method == nameof(store.ReadGroupsAsync) && !isAppended)
            {
                isAppended = true;
                Assert.True(AppendAsync(store, ledger.Journal.Skip(6)).IsCompletedSuccessfully);
            }

            return null;
        };

        AuditReport report = await VerifyAsync(store);

        Assert.True(isAppended);
        Assert.Empty(report.Findings);
        Assert.Equal(6, report.Events);
    }

    [Fact]
    public async Task A_verification_that_is_cancelled_ends_with_its_page()
    {
        using var cancelling = new CancellationTokenSource();
        AuditedLedger ledger = Busy(calls: 10);
        await using InMemoryStore store = await StoredLedger.OfAsync(ledger.Journal);
        store.Faults.OnCall = method =>
        {
            if (method == nameof(store.ReadGroupsAsync)) cancelling.Cancel();
            return null;
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => LedgerVerifier.VerifyAsync(
            store, AuditedLedger.Tenant, VerifyScope.Whole, progress: null, cancelling.Token));
    }

    private static AuditedLedger Busy(int calls)
    {
        var ledger = new AuditedLedger();
        long session = ledger.Open();
        for (int call = 0; call < calls; call++) ledger.Commit(session, ledger.Hold(session));
        return ledger;
    }

    // A store with the first events of a journal, and the checkpoint at their end.
    private static async Task<(InMemoryStore Store, LedgerCheckpoint Checkpoint)> SignedAsync(
        List<LedgerEvent> journal, int events)
    {
        InMemoryStore store = await StoredLedger.OfAsync(journal.Take(events));
        return (store, await TakeAsync(store));
    }

    private static Task<JournalHead> AppendAsync(InMemoryStore store, IEnumerable<LedgerEvent> events) =>
        StoredLedger.StoreAsync(store, events.Select(ledgerEvent => ledgerEvent.ToByteArray()));

    private static async Task<LedgerCheckpoint> TakeAsync(InMemoryStore store)
    {
        LedgerCheckpoint? taken =
            await JournalCheckpoint.TakeAsync(store, AuditedLedger.Tenant, Now, CancellationToken.None);
        Assert.NotNull(taken);
        return taken;
    }

    private static Task<CheckpointState> CompareAsync(InMemoryStore store, LedgerCheckpoint checkpoint) =>
        JournalCheckpoint.CompareAsync(store, checkpoint, CancellationToken.None);

    private static Task<AuditReport> VerifyAsync(InMemoryStore store, params LedgerCheckpoint[] checkpoints) =>
        LedgerVerifier.VerifyAsync(
            store,
            AuditedLedger.Tenant,
            new VerifyScope { Checkpoints = checkpoints },
            progress: null,
            CancellationToken.None);

    private static IEnumerable<(long Sequence, CheckpointState State)> Of(AuditReport report) =>
        report.Checkpoints.Select(result => (result.Checkpoint.Sequence, result.State));

    private static async Task SpoilAsync(InMemoryStore store, long sequence)
    {
        IReadOnlyList<StoredGroup> groups =
            await store.ReadGroupsAsync(AuditedLedger.Tenant, fromEvent: 1, int.MaxValue, CancellationToken.None);
        byte[] body = groups[(int)sequence - 1].Body.ToArray();
        body[^1] ^= 1;
        store.Overwrite(AuditedLedger.Tenant, sequence, body);
    }
}
