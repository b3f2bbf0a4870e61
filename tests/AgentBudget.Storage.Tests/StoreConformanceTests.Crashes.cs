using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

// What is there after a stop, a crash, and an answer that nobody heard.
public abstract partial class StoreConformanceTests
{
    [Fact]
    public async Task What_was_appended_and_saved_is_there_when_opened_again()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        head = await Store.AppendedAsync(head, epoch, "b");
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 5, "state"u8.ToArray())));
        _store = await ReopenAsync(Store);
        Assert.Equal(head, await Store.HeadAsync());
        Assert.Equal(head, Verify(await Store.ReadAsync()));
        Assert.Equal(head, (await Store.SnapshotAsync())?.Head);
        Assert.True(await Store.AcquireAsync() > epoch);
    }

    [Fact]
    public async Task What_was_acknowledged_is_there_after_a_crash()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < 10; i++) head = await Store.AppendedAsync(head, epoch, $"{i}");
        _store = await ReopenAfterCrashAsync(Store);
        Assert.Equal(head, await Store.HeadAsync());
        Assert.Equal(head, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public async Task A_saved_snapshot_is_there_after_a_crash()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        byte[] body = new byte[700_000];
        new Random(Seed: 3).NextBytes(body);
        Assert.True(await Store.SaveAsync(epoch, new StoredSnapshot(head, 5, body)));
        _store = await ReopenAfterCrashAsync(Store);
        Assert.True((await Store.SnapshotAsync())?.Body.Span.SequenceEqual(body));
    }

    [Fact]
    public async Task An_epoch_from_before_a_crash_is_not_given_again()
    {
        long before = await Store.AcquireAsync();
        _store = await ReopenAfterCrashAsync(Store);
        Assert.True(await Store.AcquireAsync() > before);
    }

    [Fact]
    public async Task A_torn_tail_is_gone_whole_and_what_was_acknowledged_stays()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a", "b");
        using JournalGroup torn = Group(head, epoch, "c", "d");
        _store = await ReopenWithTornTailAsync(Store, torn);
        Assert.Equal(head, await Store.HeadAsync());
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task After_a_torn_tail_the_journal_goes_on_at_the_same_place()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        using JournalGroup torn = Group(head, epoch, "torn");
        _store = await ReopenWithTornTailAsync(Store, torn);
        long next = await Store.AcquireAsync();
        Assert.True(next > epoch);
        head = await Store.AppendedAsync(head, next, "b");
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
        Assert.Equal(head, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public async Task An_unknown_append_that_was_written_is_the_head_under_a_new_epoch()
    {
        (JournalHead _, JournalGroup group) = await LoseAsync(isWritten: true);
        await Store.AcquireAsync();
        Assert.Equal(group.Head, await Store.HeadAsync());
        Assert.Equal(group.Head, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public async Task An_unknown_append_that_was_not_written_never_will_be_under_a_new_epoch()
    {
        (JournalHead head, JournalGroup _) = await LoseAsync(isWritten: false);
        await Store.AcquireAsync();
        Assert.Equal(head, await Store.HeadAsync());
        Assert.Equal(["a"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Appended_again_a_group_that_was_written_unheard_is_refused()
    {
        (JournalHead head, JournalGroup group) = await LoseAsync(isWritten: true);
        group.Seal(head, await Store.AcquireAsync());
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
        Assert.Equal(["a", "lost"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Appended_again_a_group_that_was_not_written_is_there_once()
    {
        (JournalHead head, JournalGroup group) = await LoseAsync(isWritten: false);
        group.Seal(head, await Store.AcquireAsync());
        Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        Assert.Equal(["a", "lost"], Texts(await Store.ReadAsync()));
        Assert.Equal(group.Head, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public async Task After_an_unknown_append_its_epoch_is_fenced_by_the_next()
    {
        (JournalHead head, JournalGroup group) = await LoseAsync(isWritten: false);
        await Store.AcquireAsync();
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
        Assert.Equal(head, await Store.HeadAsync());
    }

    // One group that was answered, and one behind it whose answer nobody heard.
    private async Task<(JournalHead Head, JournalGroup Lost)> LoseAsync(bool isWritten)
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        JournalGroup group = Group(head, epoch, "lost");
        _store = await LoseOutcomeAsync(Store, group, isWritten);
        return (head, group);
    }
}
