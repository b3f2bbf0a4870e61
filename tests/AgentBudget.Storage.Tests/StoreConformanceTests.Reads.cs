using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

// What is read.
public abstract partial class StoreConformanceTests
{
    [Fact]
    public async Task An_unknown_tenant_has_an_empty_journal()
    {
        Assert.Equal(JournalHead.Empty, await Store.HeadAsync());
        Assert.Empty(await Store.ReadAsync());
        Assert.Null(await Store.SnapshotAsync());
        Assert.Empty(await Store.ListTenantsAsync(default));
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

    [Fact]
    public async Task A_store_with_space_says_so()
    {
        Assert.True(await Store.ProbeSpaceAsync(default));
        Assert.True(await Store.ProbeSpaceAsync(default));
    }

    [Fact]
    public async Task Reading_from_beyond_the_end_gives_nothing()
    {
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, await Store.AcquireAsync(), "a", "b");
        Assert.Empty(await Store.ReadAsync(head.LastEvent + 1));
        Assert.Empty(await Store.ReadAsync(long.MaxValue));
    }

    [Fact]
    public async Task Page_after_page_gives_every_group_once()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < 30; i++) head = await Store.AppendedAsync(head, epoch, $"{i}", new string('x', i * 20));
        List<StoredGroup> read = [];
        while (read.Count == 0 || read[^1].LastEvent < head.LastEvent)
        {
            IReadOnlyList<StoredGroup> page =
                await Store.ReadAsync(read.Count == 0 ? 1 : read[^1].LastEvent + 1, bytesMax: 1000);
            Assert.NotEmpty(page);
            Assert.True(read.Count + page.Count <= 30, "a group came twice");
            read.AddRange(page);
        }

        Assert.Equal(head, Verify(read));
    }

    [Fact]
    public async Task The_head_is_the_last_group_whoever_acquired_since()
    {
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, await Store.AcquireAsync(), "a", "b");
        await Store.AcquireAsync();
        Assert.Equal(head, await Store.HeadAsync());
    }

    [Fact]
    public async Task Each_group_has_the_epoch_that_it_was_appended_under()
    {
        long first = await Store.AcquireAsync();
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, first, "a");
        head = await Store.AppendedAsync(head, first, "b");
        long second = await Store.AcquireAsync();
        await Store.AppendedAsync(head, second, "c");
        Assert.Equal([first, first, second], (await Store.ReadAsync()).Select(group => group.Epoch));
    }

    [Fact]
    public async Task A_chain_over_several_owners_verifies()
    {
        JournalHead head = JournalHead.Empty;
        for (int owner = 0; owner < 5; owner++)
        {
            long epoch = await Store.AcquireAsync();
            for (int i = 0; i < 3; i++) head = await Store.AppendedAsync(head, epoch, $"{owner}.{i}");
        }

        Assert.Equal(head, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public async Task The_list_says_where_each_ledger_ends()
    {
        for (int count = 1; count <= 3; count++)
        {
            string tenant = $"tenant-{count}";
            string[] events = [.. Enumerable.Range(0, count).Select(i => $"{i}")];
            using JournalGroup group = Group(tenant, JournalHead.Empty, await Store.AcquireAsync(tenant), events);
            Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        }

        Assert.Equal([1L, 2L, 3L], (await Store.ListTenantsAsync(default)).Select(tenant => tenant.LastEvent));
    }
}
