using System.Text;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

/// <summary>What every store promises. A provider inherits this class and says how to open one.</summary>
public abstract class StoreConformanceTests : IAsyncLifetime
{
    private ILedgerStore? _store;

    private protected ILedgerStore Store => _store ?? throw new InvalidOperationException("the store is not open");

    public async Task InitializeAsync() => _store = await OpenAsync();

    public async Task DisposeAsync()
    {
        if (_store is not null) await _store.DisposeAsync();
        await CleanAsync();
    }

    /// <summary>Opens an empty store.</summary>
    protected abstract Task<ILedgerStore> OpenAsync();

    /// <summary>
    /// Closes the store, keeping what it stored, and opens it again; the same instance for one in memory.
    /// </summary>
    protected abstract Task<ILedgerStore> ReopenAsync(ILedgerStore store);

    protected virtual Task CleanAsync() => Task.CompletedTask;

    [Fact]
    public async Task An_unknown_tenant_has_an_empty_journal()
    {
        Assert.Equal(JournalHead.Empty, await Store.HeadAsync());
        Assert.Empty(await Store.ReadAsync());
        Assert.Null(await Store.SnapshotAsync());
        Assert.Empty(await Store.ListTenantsAsync(default));
    }

    [Fact]
    public async Task Each_acquisition_raises_the_epoch()
    {
        long first = await Store.AcquireAsync();
        long second = await Store.AcquireAsync();
        Assert.True(first >= 1);
        Assert.True(second > first);
    }

    [Fact]
    public async Task An_appended_group_is_read_as_it_was_written()
    {
        long epoch = await Store.AcquireAsync();
        using JournalGroup group = Group(JournalHead.Empty, epoch, "a", "", "ccc");
        Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        StoredGroup read = Assert.Single(await Store.ReadAsync());
        Assert.Equal(group.ToStored() with { Body = read.Body }, read);
        Assert.Equal(group.Body.ToArray(), read.Body.ToArray());
        Assert.Equal(["a", "", "ccc"], Texts([read]));
        Assert.Equal(group.Head, await Store.HeadAsync());
    }

    [Fact]
    public async Task A_group_of_a_megabyte_is_read_as_it_was_written()
    {
        long epoch = await Store.AcquireAsync();
        string text = new('x', 1024 * 1024);
        await Store.AppendedAsync(JournalHead.Empty, epoch, text, "end");
        Assert.Equal([text, "end"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Append_with_a_stale_epoch_is_fenced()
    {
        long stale = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, stale, "a");
        await Store.AcquireAsync();
        using JournalGroup group = Group(head, stale, "b");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
        Assert.Equal(head, await Store.HeadAsync());
    }

    [Fact]
    public async Task Append_with_an_epoch_that_was_never_given_is_fenced()
    {
        long epoch = await Store.AcquireAsync();
        using JournalGroup group = Group(JournalHead.Empty, epoch + 1, "a");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
        Assert.Equal(JournalHead.Empty, await Store.HeadAsync());
    }

    [Fact]
    public async Task Append_without_acquisition_is_fenced()
    {
        using JournalGroup group = Group(JournalHead.Empty, epoch: 1, "a");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
        Assert.Equal(JournalHead.Empty, await Store.HeadAsync());
    }

    [Fact]
    public async Task Append_after_a_hash_that_is_not_the_last_is_refused()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
        using JournalGroup group = Group(head with { Hash = ChainHash.Of("other"u8) }, epoch, "b");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
        Assert.Equal(head, await Store.HeadAsync());
    }

    [Fact]
    public async Task The_first_group_follows_the_zero_hash()
    {
        long epoch = await Store.AcquireAsync();
        using JournalGroup group = Group(JournalHead.Empty with { Hash = ChainHash.Of("other"u8) }, epoch, "a");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
    }

    [Fact]
    public async Task Append_that_skips_a_group_number_is_refused()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
        using JournalGroup group = Group(head with { Sequence = head.Sequence + 1 }, epoch, "b");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
        Assert.Equal(head, await Store.HeadAsync());
    }

    [Fact]
    public async Task Append_that_skips_an_event_number_is_refused()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
        using JournalGroup group = Group(head with { LastEvent = head.LastEvent + 1 }, epoch, "b");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
        Assert.Equal(head, await Store.HeadAsync());
    }

    [Fact]
    public async Task The_first_event_is_number_one()
    {
        long epoch = await Store.AcquireAsync();
        using JournalGroup group = Group(JournalHead.Empty with { LastEvent = 7 }, epoch, "a");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
    }

    [Fact]
    public async Task The_same_group_is_appended_once()
    {
        long epoch = await Store.AcquireAsync();
        using JournalGroup group = Group(JournalHead.Empty, epoch, "a");
        Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
        Assert.Single(await Store.ReadAsync());
    }

    [Fact]
    public async Task Of_concurrent_appends_at_one_place_exactly_one_is_written()
    {
        long epoch = await Store.AcquireAsync();
        JournalGroup[] groups = [.. Enumerable.Range(0, 32).Select(i => Group(JournalHead.Empty, epoch, $"{i}"))];
        AppendOutcome[] outcomes = await Task.WhenAll(groups.Select(group => Task.Run(() => Store.AppendAsync(group))));
        Assert.Equal(1, outcomes.Count(outcome => outcome == AppendOutcome.Appended));
        Assert.Equal(31, outcomes.Count(outcome => outcome == AppendOutcome.FenceLost));
        StoredGroup written = Assert.Single(await Store.ReadAsync());
        Assert.Equal(groups[Array.IndexOf(outcomes, AppendOutcome.Appended)].Hash, written.Hash);
    }

    [Fact]
    public async Task Appends_of_one_tenant_are_decided_in_the_order_of_their_calls()
    {
        long epoch = await Store.AcquireAsync();
        var completions = new List<Completion>();
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < 100; i++)
        {
            JournalGroup group = Group(head, epoch, $"{i}");
            head = group.Head;
            completions.Add(new Completion());
            Store.BeginAppend(group, completions[i]);
        }

        foreach (Completion completion in completions)
            Assert.Equal(AppendOutcome.Appended, await completion.OutcomeAsync());
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{i}"), Texts(await Store.ReadAsync()));
        Assert.Equal(head, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Tenants_are_apart()
    {
        long epoch = await Store.AcquireAsync("left");
        using JournalGroup group = Group("left", JournalHead.Empty, epoch, "a");
        Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        await Store.AcquireAsync("right");
        Assert.Equal(JournalHead.Empty, await Store.HeadAsync("right"));
        Assert.Empty(await Store.ReadAsync(tenant: "right"));
        using JournalGroup other = Group("left", group.Head, epoch, "b");
        Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(other));
    }

    [Fact]
    public async Task Tenants_with_groups_are_listed_in_ordinal_order()
    {
        foreach (string tenant in (string[])["b", "Z", "ä", "a"])
        {
            long epoch = await Store.AcquireAsync(tenant);
            using JournalGroup group = Group(tenant, JournalHead.Empty, epoch, "1", "2");
            Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        }

        await Store.AcquireAsync("empty");
        IReadOnlyList<StoredTenant> tenants = await Store.ListTenantsAsync(default);
        Assert.Equal(["Z", "a", "b", "ä"], tenants.Select(tenant => tenant.Name));
        Assert.All(tenants, tenant => Assert.Equal((2, 0, long.MaxValue), (
            tenant.LastEvent, tenant.SnapshotEvent, tenant.NextDeadlineNanos)));
    }

    [Fact]
    public async Task Reading_starts_at_the_group_that_contains_the_event()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < 20; i++) head = await Store.AppendedAsync(head, epoch, "x", "y", "z");
        for (long wanted = 1; wanted <= head.LastEvent; wanted++)
        {
            IReadOnlyList<StoredGroup> groups = await Store.ReadAsync(wanted);
            Assert.InRange(wanted, groups[0].FirstEvent, groups[0].LastEvent);
            Assert.Equal(head.LastEvent, groups[^1].LastEvent);
        }

        Assert.Empty(await Store.ReadAsync(head.LastEvent + 1));
    }

    [Fact]
    public async Task A_page_has_at_least_one_group_and_then_what_fits()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < 5; i++) head = await Store.AppendedAsync(head, epoch, new string('x', 1000));
        Assert.Single(await Store.ReadAsync(bytesMax: 1));
        Assert.Equal(2, (await Store.ReadAsync(bytesMax: 2500)).Count);
        Assert.Equal([3, 4], (await Store.ReadAsync(3, bytesMax: 2500)).Select(group => group.FirstEvent));
    }

    [Fact]
    public async Task A_snapshot_is_read_back_as_it_was_saved()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, epoch, "a", "b");
        byte[] body = new byte[700_000];
        new Random(Seed: 1).NextBytes(body);
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 17, body)));
        StoredSnapshot? read = await Store.SnapshotAsync();
        Assert.NotNull(read);
        Assert.Equal((head, 17), (read.Head, read.NextDeadlineNanos));
        Assert.True(read.Body.Span.SequenceEqual(body));
        StoredTenant tenant = Assert.Single(await Store.ListTenantsAsync(default));
        Assert.Equal(new StoredTenant(Tenant, 2, 2, 17), tenant);
    }

    [Fact]
    public async Task The_newest_snapshot_within_the_bound_is_read()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead first = await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
        JournalHead second = await Store.AppendedAsync(first, epoch, "b");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(first, 1, "first"u8.ToArray())));
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(second, 2, "second"u8.ToArray())));
        Assert.Equal(second, (await Store.SnapshotAsync())?.Head);
        Assert.Equal(first, (await Store.SnapshotAsync(lastEventMax: 1))?.Head);
        Assert.Null(await Store.SnapshotAsync(lastEventMax: 0));
    }

    [Fact]
    public async Task A_snapshot_saved_again_replaces_the_one_of_its_place()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 1, new byte[600_000])));
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 2, "short"u8.ToArray())));
        Assert.Equal("short", Encoding.UTF8.GetString((await Store.SnapshotAsync())!.Body.Span));
    }

    [Fact]
    public async Task Older_snapshots_are_dropped_and_the_journal_stays()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead first = await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
        JournalHead second = await Store.AppendedAsync(first, epoch, "b");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(first, 1, new byte[3_000_000])));
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(second, 2, "second"u8.ToArray())));
        Assert.True(await Store.DropSnapshotsBeforeAsync(Tenant, epoch, second.LastEvent, default));
        Assert.Null(await Store.SnapshotAsync(lastEventMax: 1));
        Assert.Equal(second, (await Store.SnapshotAsync())?.Head);
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Snapshots_of_a_stale_epoch_change_nothing()
    {
        long stale = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, stale, "a");
        Assert.True(await Store.SaveAsync(stale, new StoredSnapshot(head, 1, "kept"u8.ToArray())));
        await Store.AcquireAsync();
        Assert.False(await Store.SaveAsync(stale, new StoredSnapshot(head, 2, "stale"u8.ToArray())));
        Assert.False(await Store.DropSnapshotsBeforeAsync(Tenant, stale, 100, default));
        Assert.Equal("kept", Encoding.UTF8.GetString((await Store.SnapshotAsync())!.Body.Span));
    }

    [Fact]
    public async Task A_store_with_space_says_so()
    {
        Assert.True(await Store.ProbeSpaceAsync(default));
        Assert.True(await Store.ProbeSpaceAsync(default));
    }

    [Fact]
    public async Task What_was_appended_and_saved_is_there_when_opened_again()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
        head = await Store.AppendedAsync(head, epoch, "b");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 5, "state"u8.ToArray())));
        _store = await ReopenAsync(Store);
        Assert.Equal(head, await Store.HeadAsync());
        Assert.Equal(head, Verify(await Store.ReadAsync()));
        Assert.Equal(head, (await Store.SnapshotAsync())?.Head);
        Assert.True(await Store.AcquireAsync() > epoch);
    }

    [Fact]
    public async Task An_epoch_from_before_the_store_was_opened_again_is_fenced_once_acquired_anew()
    {
        long stale = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, stale, "a");
        _store = await ReopenAsync(Store);
        long epoch = await Store.AcquireAsync();
        using JournalGroup old = Group(head, stale, "b");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(old));
        await Store.AppendedAsync(head, epoch, "b");
    }

    [Fact]
    public async Task Reads_beside_appends_see_whole_groups_in_order()
    {
        long epoch = await Store.AcquireAsync();
        Task<JournalHead> writer = Task.Run(async () =>
        {
            JournalHead head = JournalHead.Empty;
            for (int i = 0; i < 200; i++) head = await Store.AppendedAsync(head, epoch, $"{i}", $"{i}");
            return head;
        });
        while (!writer.IsCompleted) Verify(await Store.ReadAsync());
        Assert.Equal(await writer, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public async Task A_cancelled_read_is_cancelled_and_the_store_goes_on()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await Store.ReadHeadAsync(Tenant, new CancellationToken(canceled: true)));
        Assert.True(await Store.AcquireAsync() > 0);
    }
}
