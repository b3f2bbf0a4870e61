using System.Text;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

// Snapshots.
public abstract partial class StoreConformanceTests
{
    [Fact]
    public async Task A_snapshot_is_read_back_as_it_was_saved()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a", "b");
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
        (long epoch, JournalHead first) = await Store.StartedAsync("a");
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
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 1, new byte[600_000])));
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 2, "short"u8.ToArray())));
        Assert.Equal("short", Encoding.UTF8.GetString((await Store.SnapshotAsync())!.Body.Span));
    }

    [Fact]
    public async Task Older_snapshots_are_dropped_and_the_journal_stays()
    {
        (long epoch, JournalHead first) = await Store.StartedAsync("a");
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
        (long stale, JournalHead head) = await Store.StartedAsync("a");
        Assert.True(await Store.SaveAsync(stale, new StoredSnapshot(head, 1, "kept"u8.ToArray())));
        await Store.AcquireAsync();
        Assert.False(await Store.SaveAsync(stale, new StoredSnapshot(head, 2, "stale"u8.ToArray())));
        Assert.False(await Store.DropSnapshotsBeforeAsync(Tenant, stale, 100, default));
        Assert.Equal("kept", Encoding.UTF8.GetString((await Store.SnapshotAsync())!.Body.Span));
    }

    [Fact]
    public async Task A_snapshot_of_an_epoch_that_was_never_given_is_not_saved()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        Assert.False(await Store.SaveAsync(epoch + 1, new StoredSnapshot(head, 1, "x"u8.ToArray())));
        Assert.Null(await Store.SnapshotAsync());
    }

    [Fact]
    public async Task A_snapshot_without_acquisition_is_not_saved()
    {
        Assert.False(await Store.SaveAsync(epoch: 1, new StoredSnapshot(JournalHead.Empty, 1, "x"u8.ToArray())));
        Assert.Null(await Store.SnapshotAsync());
    }

    [Fact]
    public async Task Snapshots_of_tenants_are_apart()
    {
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, await Store.AcquireAsync(), "a");
        long other = await Store.AcquireAsync("other");
        Assert.True(await Store.SaveSnapshotAsync("other", other, new(head, 1, "other"u8.ToArray()), default));
        Assert.Null(await Store.SnapshotAsync());
        Assert.True(await Store.DropSnapshotsBeforeAsync(Tenant, await Store.AcquireAsync(), long.MaxValue, default));
        Assert.NotNull(await Store.ReadSnapshotAsync("other", long.MaxValue, default));
    }

    [Fact]
    public async Task A_snapshot_of_several_megabytes_is_read_back_byte_by_byte()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        byte[] body = new byte[3_000_001];
        new Random(Seed: 2).NextBytes(body);
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 1, body)));
        Assert.True((await Store.SnapshotAsync())!.Body.Span.SequenceEqual(body));
    }

    [Fact]
    public async Task A_saved_snapshot_is_the_stores_own()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        byte[] body = "state"u8.ToArray();
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 1, body)));
        body[0] = 0;
        Assert.Equal("state", Encoding.UTF8.GetString((await Store.SnapshotAsync())!.Body.Span));
    }

    [Fact]
    public async Task An_older_snapshot_that_is_saved_later_is_not_the_newest()
    {
        (long epoch, JournalHead first) = await Store.StartedAsync("a");
        JournalHead second = await Store.AppendedAsync(first, epoch, "b");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(second, 2, "second"u8.ToArray())));
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(first, 1, "first"u8.ToArray())));
        Assert.Equal(second, (await Store.SnapshotAsync())?.Head);
        Assert.Equal(first, (await Store.SnapshotAsync(lastEventMax: 1))?.Head);
    }

    [Fact]
    public async Task The_deadline_that_is_listed_is_that_of_the_newest_snapshot()
    {
        (long epoch, JournalHead first) = await Store.StartedAsync("a");
        JournalHead second = await Store.AppendedAsync(first, epoch, "b");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(second, 17, "second"u8.ToArray())));
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(first, 99, "first"u8.ToArray())));
        StoredTenant listed = Assert.Single(await Store.ListTenantsAsync(default));
        Assert.Equal((2L, 17L), (listed.SnapshotEvent, listed.NextDeadlineNanos));
    }

    [Fact]
    public async Task Dropping_before_an_event_keeps_the_snapshot_at_it()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 1, "kept"u8.ToArray())));
        Assert.True(await Store.DropSnapshotsBeforeAsync(Tenant, epoch, head.LastEvent, default));
        Assert.Equal(head, (await Store.SnapshotAsync())?.Head);
    }

    [Fact]
    public async Task Dropping_where_nothing_is_older_drops_nothing()
    {
        (long epoch, JournalHead first) = await Store.StartedAsync("a");
        JournalHead second = await Store.AppendedAsync(first, epoch, "b");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(second, 1, "kept"u8.ToArray())));
        Assert.True(await Store.DropSnapshotsBeforeAsync(Tenant, epoch, 1, default));
        Assert.Equal(second, (await Store.SnapshotAsync())?.Head);
    }

    [Fact]
    public async Task A_snapshot_stays_while_the_journal_goes_on()
    {
        (long epoch, JournalHead first) = await Store.StartedAsync("a");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(first, 1, "state"u8.ToArray())));
        await Store.AppendedAsync(first, epoch, "b");
        await Store.AcquireAsync();
        Assert.Equal(first, (await Store.SnapshotAsync())?.Head);
    }
}
