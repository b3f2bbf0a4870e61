using AgentBudget.Storage.Journal;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

// What is written, and what is answered.
public abstract partial class StoreConformanceTests
{
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
    public async Task Append_after_a_hash_that_is_not_the_last_is_refused()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
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
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
        using JournalGroup group = Group(head with { Sequence = head.Sequence + 1 }, epoch, "b");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(group));
        Assert.Equal(head, await Store.HeadAsync());
    }

    [Fact]
    public async Task Append_that_skips_an_event_number_is_refused()
    {
        (long epoch, JournalHead head) = await Store.StartedAsync("a");
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
    public async Task A_group_of_four_thousand_events_is_read_as_it_was_written()
    {
        string[] events = [.. Enumerable.Range(0, 4096).Select(i => $"event {i}")];
        await Store.AppendedAsync(JournalHead.Empty, await Store.AcquireAsync(), events);
        Assert.Equal(events, Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Bytes_of_every_value_are_kept()
    {
        using var group = new JournalGroup(Tenant);
        byte[] bytes = [.. Enumerable.Range(0, 512).Select(i => (byte)i), 0, 0];
        bytes.CopyTo(group.AddEvent(bytes.Length));
        group.Seal(JournalHead.Empty, await Store.AcquireAsync());
        Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        Assert.Equal(bytes, Assert.Single(await Store.ReadAsync()).ReadEvents(Tenant)[0].ToArray());
    }

    [Fact]
    public async Task Append_at_a_place_that_is_taken_is_refused()
    {
        long epoch = await Store.AcquireAsync();
        await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
        using JournalGroup other = Group(JournalHead.Empty, epoch, "other");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(other));
        Assert.Equal(["a"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task A_refused_append_stands_in_nobodys_way()
    {
        long epoch = await Store.AcquireAsync();
        using JournalGroup wrong = Group(JournalHead.Empty with { LastEvent = 7 }, epoch, "wrong");
        Assert.Equal(AppendOutcome.FenceLost, await Store.AppendAsync(wrong));
        await Store.AppendedAsync(JournalHead.Empty, epoch, "a");
        Assert.Equal(["a"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Of_appends_that_wait_together_each_is_decided_by_itself()
    {
        long epoch = await Store.AcquireAsync();
        using JournalGroup wrong = Group(JournalHead.Empty with { LastEvent = 7 }, epoch, "wrong");
        using JournalGroup right = Group(JournalHead.Empty, epoch, "right");
        Completion[] completions = [new(), new()];
        Store.BeginAppend(wrong, completions[0]);
        Store.BeginAppend(right, completions[1]);
        Assert.Equal(AppendOutcome.FenceLost, await completions[0].OutcomeAsync());
        Assert.Equal(AppendOutcome.Appended, await completions[1].OutcomeAsync());
    }

    [Fact]
    public async Task Appends_behind_a_refused_one_that_they_follow_are_refused_too()
    {
        long epoch = await Store.AcquireAsync();
        using JournalGroup wrong = Group(JournalHead.Empty with { Hash = ChainHash.Of("other"u8) }, epoch, "wrong");
        using JournalGroup next = Group(wrong.Head, epoch, "next");
        Completion[] completions = [new(), new()];
        Store.BeginAppend(wrong, completions[0]);
        Store.BeginAppend(next, completions[1]);
        foreach (Completion completion in completions)
            Assert.Equal(AppendOutcome.FenceLost, await completion.OutcomeAsync());
        Assert.Equal(JournalHead.Empty, await Store.HeadAsync());
    }

    [Fact]
    public async Task Each_append_is_answered_once()
    {
        long epoch = await Store.AcquireAsync();
        using JournalGroup group = Group(JournalHead.Empty, epoch, "a");
        var counting = new CountingCompletion();
        Store.BeginAppend(group, counting);
        await counting.Answered.WaitAsync(Patience);
        using JournalGroup next = Group(group.Head, epoch, "b");
        var behind = new CountingCompletion();
        Store.BeginAppend(next, behind);
        await behind.Answered.WaitAsync(Patience);
        Assert.Equal(1, counting.Count);
    }

    [Fact]
    public async Task Answers_come_in_the_order_of_the_appends()
    {
        long epoch = await Store.AcquireAsync();
        List<int> order = [];
        var last = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < 50; i++)
        {
            JournalGroup group = Group(head, epoch, $"{i}");
            head = group.Head;
            int number = i;
            Store.BeginAppend(group, new CountingCompletion(() =>
            {
                lock (order)
                {
                    order.Add(number);
                    if (order.Count == 50) last.SetResult();
                }
            }));
        }

        await last.Task.WaitAsync(Patience);
        Assert.Equal(Enumerable.Range(0, 50), order);
    }

    [Fact]
    public async Task A_group_is_there_when_its_answer_is()
    {
        long epoch = await Store.AcquireAsync();
        JournalHead head = JournalHead.Empty;
        for (int i = 0; i < 20; i++)
        {
            head = await Store.AppendedAsync(head, epoch, $"{i}");
            Assert.Equal(head, await Store.HeadAsync());
            Assert.Equal(head.Hash, (await Store.ReadAsync(head.LastEvent))[0].Hash);
        }
    }

    [Fact]
    public async Task The_groups_buffer_is_its_owners_again_once_it_is_answered()
    {
        long epoch = await Store.AcquireAsync();
        using JournalGroup group = Group(JournalHead.Empty, epoch, "first");
        Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
        JournalHead head = group.Head;
        group.Reset();
        "other"u8.CopyTo(group.AddEvent(5));
        group.Seal(head, epoch);
        Assert.Equal(["first"], Texts(await Store.ReadAsync()));
    }

    [Fact]
    public async Task Appends_of_several_tenants_at_once_are_each_in_order()
    {
        string[] tenants = ["a", "b", "c", "d"];
        await Task.WhenAll(tenants.Select(tenant => Task.Run(async () =>
        {
            long epoch = await Store.AcquireAsync(tenant);
            JournalHead head = JournalHead.Empty;
            for (int i = 0; i < 25; i++)
            {
                using JournalGroup group = Group(tenant, head, epoch, $"{i}");
                Assert.Equal(AppendOutcome.Appended, await Store.AppendAsync(group));
                head = group.Head;
            }
        })));
        string[] expected = [.. Enumerable.Range(0, 25).Select(i => $"{i}")];
        foreach (string tenant in tenants)
            Assert.Equal(expected, Texts(await Store.ReadAsync(tenant: tenant), tenant));
    }

    /// <summary>Counts its answers.</summary>
    private sealed class CountingCompletion(Action? onAnswer = null) : IAppendCompletion
    {
        private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _count;

        public Task Answered => _answered.Task;

        public int Count => Volatile.Read(ref _count);

        public void AppendCompleted(AppendOutcome outcome)
        {
            Interlocked.Increment(ref _count);
            onAnswer?.Invoke();
            _answered.TrySetResult();
        }
    }
}
