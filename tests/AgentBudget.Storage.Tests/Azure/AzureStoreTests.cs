using AgentBudget.Storage.Azure;
using AgentBudget.Storage.Azure.Segments;
using AgentBudget.Storage.Azure.Tables;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests.Azure;

/// <summary>Azure Storage keeps the promises, and those that only a service and a network can break.</summary>
[Collection(AzureTests.Name)]
public sealed class AzureStoreTests(AzuriteServers servers) : StoreConformanceTests
{
    private const StringComparison AnyCase = StringComparison.OrdinalIgnoreCase;

    private readonly List<IAsyncDisposable> _ends = [];
    private AzureStoreOptions? _options;

    private AzureStoreOptions Options => _options!;

    private BlobContainerClient Container => new(Options.Connection, Options.Name);

    [Fact]
    public async Task Another_process_takes_a_tenant_over_and_the_former_is_fenced()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        await using ILedgerStore other = await AzuriteServers.OpenAsync(Options);
        long taken = await other.AcquireAsync();
        Assert.True(taken > epoch);
        using JournalGroup late = Group(head, epoch, "late");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(late));
        using JournalGroup borrowed = Group(head, taken, "borrowed");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(borrowed));
        await other.AppendedAsync(head, taken, "b");
        Assert.False(await Store.SaveAsync(taken, new(head, 1, "x"u8.ToArray())));
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task An_append_that_arrives_behind_a_take_over_writes_nothing()
    {
        (ILedgerStore former, FaultLink link) = await OpenOverLinkAsync();
        (long epoch, JournalHead head) = await former.StartedAsync("a");
        link.FailAppends(LinkFault.Hold);
        using JournalGroup frozen = Group(head, epoch, "frozen");
        Task<AppendOutcome> appending = former.AppendAsync(frozen);
        await link.HeldAsync(Patience);

        long taken = await Store.AcquireAsync();
        Assert.Equal(head, await Store.HeadAsync());
        head = await Store.AppendedAsync(head, taken, "b");
        link.LetGo();
        Assert.Equal(AppendOutcome.FenceLost, await appending);
        link.Mend();
        Assert.Equal(head, await Store.HeadAsync());
        using JournalGroup zombie = Group(head, epoch < taken ? taken : epoch, "zombie");
        Assert.Equal(AppendOutcome.FenceLost, await former.AppendAsync(zombie));
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task A_slow_acquisition_that_was_overtaken_owns_nothing()
    {
        (ILedgerStore slow, FaultLink link) = await OpenOverLinkAsync();
        await Store.StartedAsync("a");
        link.OnCall = head => head.Contains("comp=lease", StringComparison.Ordinal) ? LinkFault.Hold : LinkFault.None;
        Task<long> acquiring = slow.AcquireAsync();
        await link.HeldAsync(Patience);
        long newest = await Store.AcquireAsync();
        JournalHead head = await Store.HeadAsync();
        link.Mend();
        link.LetGo();
        long overtaken = await acquiring;
        Assert.True(overtaken < newest);
        using JournalGroup group = Group(head, overtaken, "overtaken");
        Assert.Equal(AppendOutcome.FenceLost, await slow.AppendAsync(group));
        await Store.AppendedAsync(head, await Store.AcquireAsync(), "b");
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task A_block_that_arrives_twice_is_there_once_and_acknowledged()
    {
        (ILedgerStore store, FaultLink link) = await OpenOverLinkAsync();
        (long epoch, JournalHead head) = await store.StartedAsync("a");
        link.FailAppends(LinkFault.Twice);
        head = await store.AppendedAsync(head, epoch, "b");
        link.Mend();
        head = await store.AppendedAsync(head, epoch, "c");
        Assert.Equal(["a", "b", "c"], Texts(await Store.ReadAsync()));
        Assert.Equal(head, Verify(await Store.ReadAsync()));
    }

    [Theory]
    [InlineData(nameof(LinkFault.BusyUnsent), false)]
    [InlineData(nameof(LinkFault.TimedOutSent), true)]
    [InlineData(nameof(LinkFault.BreakUnsent), false)]
    [InlineData(nameof(LinkFault.BreakSent), true)]
    [InlineData(nameof(LinkFault.Tear), false)]
    public async Task What_the_way_does_to_an_append_is_unknown_until_a_new_epoch_reads_it(string fault, bool isWritten)
    {
        (ILedgerStore store, FaultLink link) = await OpenOverLinkAsync();
        (long epoch, JournalHead head) = await store.StartedAsync("a");
        link.FailAppends(Enum.Parse<LinkFault>(fault));
        using JournalGroup group = Group(head, epoch, "b");
        Assert.Equal(AppendOutcome.Unknown, await store.AppendAsync(group));
        link.Mend();
        epoch = await store.AcquireAsync();
        Assert.Equal(isWritten ? group.Head : head, await store.HeadAsync());
        await store.AppendedAsync(await store.HeadAsync(), epoch, "c");
        Assert.Equal(isWritten ? ["a", "b", "c"] : ["a", "c"], Texts(await store.ReadAsync()));
    }

    [Fact]
    public async Task An_append_that_is_not_answered_in_time_is_unknown()
    {
        (ILedgerStore store, FaultLink link) = await OpenOverLinkAsync(
            Options with { AppendPatience = TimeSpan.FromMilliseconds(300) });
        (long epoch, JournalHead head) = await store.StartedAsync("a");
        link.FailAppends(LinkFault.Hold);
        using JournalGroup group = Group(head, epoch, "b");
        Assert.Equal(AppendOutcome.Unknown, await store.AppendAsync(group));
        link.Mend();
        long next = await store.AcquireAsync();
        link.LetGo(); // It arrives now, and has no lease any more.
        head = await store.AppendedAsync(await store.HeadAsync(), next, "c");
        Assert.Equal(["a", "c"], Texts(await store.ReadAsync()));
        Assert.Equal(head, await store.HeadAsync());
    }

    [Fact]
    public async Task A_full_segment_is_sealed_and_the_journal_goes_on_in_the_next()
    {
        await using ILedgerStore store = await AzuriteServers.OpenAsync(Options with { SegmentBlocksMax = 3 });
        long epoch = await store.AcquireAsync();
        JournalHead head = JournalHead.Empty;
        for (int i = 1; i <= 10; i++) head = await store.AppendedAsync(head, epoch, $"{i}a", $"{i}b");
        Assert.Equal(4, Blobs("journal/").Count);
        Assert.Equal(head, Verify(await Store.ReadAsync()));
        Assert.Equal(head, await Store.HeadAsync());
        Assert.Equal(["7a", "7b"], Texts((await Store.ReadAsync(fromEvent: 14)).Take(1)));
        Assert.Equal(20, Assert.Single(await Store.ListTenantsAsync(default)).LastEvent);

        // The next owner follows the chain, and what was sealed is refused to everybody.
        head = await Store.AppendedAsync(head, await Store.AcquireAsync(), "next");
        Assert.Equal(head, Verify(await store.ReadAsync()));
        AppendBlobClient first = Container.GetAppendBlobClient(Blobs("journal/")[0]);
        BlobProperties properties = await first.GetPropertiesAsync();
        Assert.True(properties.IsSealed);
        Assert.Equal(LeaseState.Leased, properties.LeaseState);
    }

    [Fact]
    public async Task A_segment_is_sealed_at_its_bytes_too()
    {
        await using ILedgerStore store = await AzuriteServers.OpenAsync(Options with { SegmentBytesMax = 1_000 });
        (long epoch, JournalHead head) = await store.StartedAsync(new string('a', 1_000));
        head = await store.AppendedAsync(head, epoch, "b");
        Assert.Equal(2, Blobs("journal/").Count);
        Assert.Single(await Store.ReadAsync(bytesMax: 1));
        Assert.Equal(head, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Page_after_page_over_segments_gives_every_group_once()
    {
        await using ILedgerStore store = await AzuriteServers.OpenAsync(Options with { SegmentBlocksMax = 2 });
        long epoch = await store.AcquireAsync();
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < 9; i++) head = await store.AppendedAsync(head, epoch, $"{i}");
        ChainVerifier verifier = new(Tenant, JournalHead.Empty);
        while (verifier.Head.LastEvent < head.LastEvent)
        {
            IReadOnlyList<StoredGroup> page = await Store.ReadAsync(verifier.Head.LastEvent + 1, bytesMax: 100);
            Assert.NotEmpty(page);
            foreach (StoredGroup group in page) verifier.Accept(group);
        }

        verifier.Finish(head);
        Assert.Empty(await Store.ReadAsync(head.LastEvent + 1));
        await store.AppendedAsync(head, epoch, "grown");
        Assert.Equal(["grown"], Texts(await Store.ReadAsync(head.LastEvent + 1)));
    }

    [Fact]
    public async Task Whoever_asks_for_an_event_within_a_group_reads_near_it_and_not_from_the_segments_start()
    {
        const int Groups = 20;
        string half = new('a', SegmentPlaces.Stretch / 4); // Two of them are a group, and two groups a stretch.
        (ILedgerStore writer, FaultLink link) = await OpenOverLinkAsync();
        long epoch = await writer.AcquireAsync();
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < Groups; i++) head = await writer.AppendedAsync(head, epoch, half, half);
        await AssertNearAsync(writer, link);

        // Another process has read it once.
        (ILedgerStore reader, link) = await OpenOverLinkAsync();
        Assert.Equal(head, Verify(await reader.ReadAsync()));
        await AssertNearAsync(reader, link);

        // One that knows nothing yet reads the segment from its start, and then no more.
        (ILedgerStore stranger, link) = await OpenOverLinkAsync();
        Assert.Single(await stranger.ReadAsync((2 * Groups) - 2, bytesMax: 1));
        await AssertNearAsync(stranger, link);

        static async Task AssertNearAsync(ILedgerStore store, FaultLink link)
        {
            List<string> calls = [];
            link.OnCall = call =>
            {
                lock (calls) calls.Add(call);
                return LinkFault.None;
            };
            for (int asked = 2 * Groups / 2; asked < (2 * Groups) - 2; asked += 3)
            {
                lock (calls) calls.Clear();
                StoredGroup found = Assert.Single(await store.ReadAsync(asked, bytesMax: 1));
                Assert.InRange(asked, found.FirstEvent, found.LastEvent);
                lock (calls) Assert.InRange(calls.Count(call => call.Contains("x-ms-range:", AnyCase)), 1, 3);
                lock (calls) Assert.DoesNotContain(calls, call => call.Contains("x-ms-range: bytes=0-", AnyCase));
            }
        }
    }

    [Theory]
    [InlineData("x-ms-blob-type: AppendBlob")]
    [InlineData("comp=lease")]
    [InlineData("comp=seal")]
    public async Task An_owner_that_dies_between_two_segments_leaves_a_chain_that_goes_on(string step)
    {
        (ILedgerStore dying, FaultLink link) = await OpenOverLinkAsync(Options with { SegmentBlocksMax = 1 });
        (long epoch, JournalHead head) = await dying.StartedAsync("a");
        link.OnCall = call => call.Contains(step, StringComparison.OrdinalIgnoreCase)
            ? LinkFault.BreakUnsent
            : LinkFault.None;
        using JournalGroup lost = Group(head, epoch, "lost");
        Assert.Equal(AppendOutcome.Unknown, await dying.AppendAsync(lost));
        link.Mend();

        Assert.Equal(head, await Store.HeadAsync());
        long next = await Store.AcquireAsync();
        Assert.Equal(head, await Store.HeadAsync());
        head = await Store.AppendedAsync(head, next, "b");
        using JournalGroup zombie = Group(head, epoch < next ? next : epoch, "zombie");
        Assert.Equal(AppendOutcome.FenceLost, await dying.AppendAsync(zombie));
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
        Assert.Equal(head, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public async Task A_former_owner_that_goes_on_to_the_next_segment_late_has_nothing_there()
    {
        (ILedgerStore former, FaultLink link) = await OpenOverLinkAsync(Options with { SegmentBlocksMax = 1 });
        (long epoch, JournalHead head) = await former.StartedAsync("a");
        link.OnCall = call => call.Contains("comp=lease", StringComparison.Ordinal) ? LinkFault.Hold : LinkFault.None;
        using JournalGroup late = Group(head, epoch, "late");
        Task<AppendOutcome> appending = former.AppendAsync(late); // It has sealed and made the next one.
        await link.HeldAsync(Patience);
        head = await Store.AppendedAsync(head, await Store.AcquireAsync(), "b");
        link.Mend();
        link.LetGo();
        Assert.Equal(AppendOutcome.FenceLost, await appending);
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
        Assert.Equal(head, await Store.HeadAsync());
    }

    [Fact]
    public async Task A_segment_that_is_gone_is_named_and_no_new_journal_begins()
    {
        (long _, JournalHead head) = await Store.StartedAsync("a");
        Assert.Equal(1, head.Sequence);
        AppendBlobClient segment = Container.GetAppendBlobClient(Assert.Single(Blobs("journal/")));
        await segment.GetBlobLeaseClient().BreakAsync(TimeSpan.Zero);
        await segment.DeleteAsync();
        foreach (Func<Task> call in (Func<Task>[])[() => Store.AcquireAsync(), () => Store.HeadAsync()])
        {
            var refusal = await Assert.ThrowsAsync<StoreException>(call);
            Assert.Contains("is not there, and groups were written to it", refusal.Message, StringComparison.Ordinal);
        }

        Assert.Empty(Blobs("journal/"));
    }

    [Fact]
    public async Task A_frame_that_was_cut_off_is_damage()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        await Store.AppendedAsync(head, epoch, "b");
        AppendBlobClient segment = Container.GetAppendBlobClient(Assert.Single(Blobs("journal/")));
        await segment.GetBlobLeaseClient().BreakAsync(TimeSpan.Zero);
        await segment.AppendBlockAsync(new MemoryStream([9, 0, 0, 0, 1]));
        Assert.Equal(
            3, (await Assert.ThrowsAsync<JournalDamagedException>(() => Store.ReadAsync())).Sequence);
        await Assert.ThrowsAsync<StoreException>(() => Store.HeadAsync());
    }

    [Fact]
    public async Task A_snapshot_with_other_bytes_or_none_is_passed_over()
    {
        (long epoch, JournalHead first) = await Store.StartedAsync("a");
        JournalHead second = await Store.AppendedAsync(first, epoch, "b");
        JournalHead third = await Store.AppendedAsync(second, epoch, "c");
        foreach (JournalHead head in (JournalHead[])[first, second, third])
            Assert.True(await Store.SaveAsync(epoch, new(head, 1, new byte[100_000])));
        List<string> blobs = Blobs("snapshot/");
        await Container.GetBlobClient(blobs[2]).UploadAsync(new BinaryData(new byte[99_999]), overwrite: true);
        await Container.GetBlobClient(blobs[1]).DeleteAsync();
        Assert.Equal(first, (await Store.SnapshotAsync())?.Head);
    }

    [Fact]
    public async Task Snapshots_that_are_replaced_fenced_or_dropped_leave_no_blob()
    {
        (long epoch, JournalHead first) = await Store.StartedAsync("a");
        Assert.True(await Store.SaveAsync(epoch, new(first, 1, "one"u8.ToArray())));
        Assert.True(await Store.SaveAsync(epoch, new(first, 1, "again"u8.ToArray())));
        Assert.Single(Blobs("snapshot/"));

        // The row is refused: another one has the tenant by then.
        (ILedgerStore former, FaultLink link) = await OpenOverLinkAsync();
        long frozen = await former.AcquireAsync();
        link.OnCall = call => call.Contains("/snapshot/", StringComparison.Ordinal) ? LinkFault.Hold : LinkFault.None;
        Task<bool> saving = former.SaveAsync(frozen, new(first, 1, "frozen"u8.ToArray()));
        await link.HeldAsync(Patience);
        epoch = await Store.AcquireAsync();
        link.Mend();
        link.LetGo();
        Assert.False(await saving);
        Assert.Equal("again"u8.ToArray(), (await Store.SnapshotAsync())?.Body.ToArray());
        Assert.Single(Blobs("snapshot/"));

        JournalHead second = await Store.AppendedAsync(first, epoch, "b");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(second, 1, "two"u8.ToArray())));
        await Container.GetBlobClient($"snapshot/acme/{first.LastEvent:D19}-of-one-that-died").UploadAsync(
            new BinaryData("orphan"));
        Assert.True(await Store.DropSnapshotsBeforeAsync(Tenant, epoch, second.LastEvent, default));
        Assert.Contains($"{second.LastEvent:D19}", Assert.Single(Blobs("snapshot/")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("acme", "acme")]
    [InlineData("Acme", "_41cme")]
    [InlineData("a/b_c", "a_2fb_5fc")]
    public void A_tenants_key_can_be_read(string name, string key) => Assert.Equal(key, KeyText.Of(name));

    [Fact]
    public void A_segments_name_says_where_it_begins()
    {
        string name = SegmentName.After("acme", new JournalHead(41, 3, 99, ChainHash.Zero));
        Assert.Equal("journal/acme/0000000000000000042-0000000000000000100", name);
        Assert.Equal(100, SegmentName.FirstEventOf(name));
    }

    [Fact]
    public Task A_journal_of_another_store_is_kept_as_it_is() => Imports.AssertKeptAsync((AzureStore)Store);

    [Fact]
    public Task What_does_not_follow_is_not_imported() => Imports.AssertWholeOrNotAtAllAsync((AzureStore)Store);

    [Fact]
    public Task Appends_to_a_closed_store_are_unknown_and_calls_throw() => AssertClosedAsync(Store);

    protected override async Task<ILedgerStore> OpenAsync()
    {
        _options = await servers.CreateStoreAsync();
        return await AzuriteServers.OpenAsync(Options);
    }

    protected override async Task<ILedgerStore> ReopenAsync(ILedgerStore store)
    {
        await store.DisposeAsync();
        return await AzuriteServers.OpenAsync(Options);
    }

    // The process is gone, with everything that it knew.
    protected override async Task<ILedgerStore> ReopenAfterCrashAsync(ILedgerStore store)
    {
        _ends.Add(store);
        return await AzuriteServers.OpenAsync(Options);
    }

    private protected override async Task<ILedgerStore> ReopenWithTornTailAsync(ILedgerStore store, JournalGroup last)
    {
        ILedgerStore lossy = await LoseAsync(last, LinkFault.Tear);
        _ends.Add(lossy);
        return await ReopenAfterCrashAsync(store);
    }

    private protected override async Task<ILedgerStore> LoseOutcomeAsync(
        ILedgerStore store, JournalGroup group, bool isWritten)
    {
        _ends.Add(store);
        return await LoseAsync(group, isWritten ? LinkFault.BreakSent : LinkFault.BusyUnsent);
    }

    protected override async Task CleanAsync()
    {
        foreach (IAsyncDisposable end in _ends) await end.DisposeAsync();
    }

    // Appends the group over a link with a fault; answers the store that did.
    private async Task<ILedgerStore> LoseAsync(JournalGroup group, LinkFault fault)
    {
        (ILedgerStore store, FaultLink link) = await OpenOverLinkAsync();
        JournalHead head = await store.HeadAsync();
        group.Seal(head, await store.AcquireAsync());
        link.FailAppends(fault);
        Assert.Equal(AppendOutcome.Unknown, await store.AppendAsync(group));
        link.Mend();
        return store;
    }

    private async Task<(ILedgerStore Store, FaultLink Link)> OpenOverLinkAsync(AzureStoreOptions? options = null)
    {
        FaultLink link = new(servers.Server.BlobPort);
        ILedgerStore store = await AzuriteServers.OpenAsync(
            (options ?? Options) with { Connection = servers.Server.Connection(blobPort: link.Port) });
        _ends.Add(store);
        _ends.Add(link);
        return (store, link);
    }

    private List<string> Blobs(string prefix) =>
        [.. Container.GetBlobs(BlobTraits.None, BlobStates.None, prefix, default).Select(blob => blob.Name)];
}
