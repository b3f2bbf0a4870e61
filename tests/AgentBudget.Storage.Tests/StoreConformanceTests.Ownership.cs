using AgentBudget.Storage.Journal;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

// Who may write.
public abstract partial class StoreConformanceTests
{
    [Fact]
    public async Task Each_acquisition_raises_the_epoch()
    {
        long first = await Store.AcquireAsync();
        long second = await Store.AcquireAsync();
        Assert.True(first >= 1);
        Assert.True(second > first);
    }

    [Fact]
    public async Task Append_with_a_stale_epoch_is_fenced()
    {
        (long stale, JournalHead head) = await Store.StartedAsync("a");
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
    public async Task An_epoch_from_before_the_store_was_opened_again_is_fenced_once_acquired_anew()
    {
        (long stale, JournalHead head) = await Store.StartedAsync("a");
        _store = await ReopenAsync(Store);
        long epoch = await Store.AcquireAsync();
        using JournalGroup old = Group(head, stale, "b");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(old));
        await Store.AppendedAsync(head, epoch, "b");
    }

    [Fact]
    public async Task Concurrent_acquisitions_get_epochs_of_their_own()
    {
        long[] epochs = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => Store.AcquireAsync())));
        Assert.Distinct(epochs);
    }

    [Fact]
    public async Task Acquired_again_the_same_owner_is_fenced_under_its_former_epoch()
    {
        long former = await Store.AcquireAsync();
        long epoch = await Store.AcquireAsync();
        using JournalGroup old = Group(JournalHead.Empty, former, "a");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(old));
        await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
    }

    [Fact]
    public async Task An_epoch_stays_current_until_the_next_acquisition()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < 20; i++) head = await Store.AppendedAsync(head, epoch, $"{i}");
        Assert.Equal(20, (await Store.HeadAsync()).Sequence);
    }

    [Fact]
    public async Task An_acquisition_alone_writes_no_group_and_lists_no_tenant()
    {
        await Store.AcquireAsync();
        Assert.Equal(JournalHead.Empty, await Store.HeadAsync());
        Assert.Empty(await Store.ListTenantsAsync(default));
    }

    [Fact]
    public async Task Acquiring_one_tenant_fences_no_other()
    {
        long epoch = await Store.AcquireAsync("left");
        await Store.AcquireAsync("right");
        using JournalGroup group = Group("left", JournalHead.Empty, epoch, "a");
        Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
    }

    [Fact]
    public async Task Once_acquired_nothing_of_a_former_epoch_is_written()
    {
        long former = await Store.AcquireAsync();
        var completions = new List<Completion>();
        JournalHead last = Begin(JournalHead.Empty, former, 10, completions);
        await Store.AcquireAsync();
        JournalHead head = await Store.HeadAsync();
        Begin(last, former, 10, completions);
        List<AppendOutcome> outcomes = [];
        foreach (Completion completion in completions) outcomes.Add(await completion.OutcomeAsync());
        int written = outcomes.TakeWhile(outcome => outcome == AppendOutcome.Appended).Count();
        Assert.Equal(head.Sequence, written);
        Assert.All(outcomes.Skip(written), outcome => Assert.Equal(AppendOutcome.FenceLost, outcome));
        Assert.Equal(head, await Store.HeadAsync());
    }

    [Fact]
    public async Task Append_under_a_new_epoch_goes_on_from_the_head()
    {
        JournalHead head = await Store.AppendedAsync(JournalHead.Empty, await Store.AcquireAsync(), "a");
        await Store.AcquireAsync();
        head = await Store.AppendedAsync(head, await Store.AcquireAsync(), "b");
        Assert.Equal(["a", "b"], Texts(await Store.ReadAsync()));
        Assert.Equal(head, Verify(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Names_of_tenants_are_told_apart_character_by_character()
    {
        string[] names = ["acme", "Acme", "acme-", "acm\u00e9", "acme\u0301", "ACME"];
        foreach (string name in names)
        {
            using JournalGroup group = Group(name, JournalHead.Empty, await Store.AcquireAsync(name), name);
            Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        }

        foreach (string name in names) Assert.Equal([name], Texts(await Store.ReadAsync(tenant: name), name));
        IEnumerable<string> listed = (await Store.ListTenantsAsync(default)).Select(tenant => tenant.Name);
        Assert.Equal(names.Order(StringComparer.Ordinal), listed);
    }

    [Fact]
    public async Task A_long_name_is_kept_whole()
    {
        string name = new string('n', 255) + "m";
        using JournalGroup group = Group(name, JournalHead.Empty, await Store.AcquireAsync(name), "a");
        Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        Assert.Equal(name, Assert.Single(await Store.ListTenantsAsync(default)).Name);
        Assert.Equal(JournalHead.Empty, await Store.HeadAsync(name[..^1] + "n"));
    }

    // Appends one after the other without waiting; answers where they would end.
    private JournalHead Begin(JournalHead head, long epoch, int count, List<Completion> completions)
    {
        for (int i = 0; i < count; i++)
        {
            JournalGroup group = Group(head, epoch, $"{i}");
            head = group.Head;
            completions.Add(new Completion());
            Store.BeginAppend(group, completions[^1]);
        }

        return head;
    }
}
