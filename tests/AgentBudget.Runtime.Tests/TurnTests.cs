using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using static AgentBudget.Runtime.Tests.Fixture;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Runtime.Tests;

/// <summary>What the loop decides, when it leaves, and how much waits.</summary>
public sealed class TurnTests
{
    [Fact]
    public async Task A_command_is_answered_with_its_durable_event()
    {
        await using Fixture fixture = await StartAsync();
        Answer answer = await fixture.NotedAsync("a");
        Assert.Equal((Outcome.Done, 2, "a"), (answer.Outcome, answer.Event!.Sequence, answer.Event.RequestId));
        Assert.Equal(["catalog", "a"], await fixture.JournalAsync());
        Assert.Equal(2, await fixture.Host.DurableSequenceAsync(Tenant, default));
        Assert.Equal([Tenant], fixture.Host.Tenants);
    }

    [Fact]
    public async Task A_host_that_is_not_running_takes_no_commands()
    {
        await using var fixture = new Fixture();
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(fixture.NoteAsync()));
        await fixture.Host.StartAsync(default);
        await fixture.BeginAsync();
        await fixture.Host.StopAsync(default);
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(fixture.NoteAsync()));
    }

    [Fact]
    public async Task A_tenant_that_nobody_has_is_not_found_and_leaves_no_trace()
    {
        await using Fixture fixture = await StartAsync();
        Answer answer = await WithinAsync(fixture.SendAsync(new NoteCommand("a"), "nobody"), "an answer");
        Assert.Equal(Outcome.TenantNotFound, answer.Outcome);
        Assert.Equal([Tenant], fixture.Host.Tenants);
        Assert.Equal(0, await fixture.Host.DurableSequenceAsync("nobody", default));
        Assert.Empty(await fixture.Host.ReadAsync("nobody", 1, 10, default));
    }

    [Fact]
    public async Task Tenants_are_listed_in_ordinal_order()
    {
        await using Fixture fixture = await StartAsync();
        foreach (string tenant in (string[])["b", "Z", "a"]) await fixture.BeginAsync(tenant);
        Assert.Equal(["Z", "a", Tenant, "b"], fixture.Host.Tenants);
        await fixture.RestartAsync();
        Assert.Equal(["Z", "a", Tenant, "b"], fixture.Host.Tenants);
    }

    [Fact]
    public async Task Nothing_leaves_before_it_is_durable()
    {
        await using Fixture fixture = await StartAsync();
        await using IAsyncEnumerator<IReadOnlyList<LedgerEvent>> watch =
            fixture.Host.WatchAsync(Tenant, 2, default).GetAsyncEnumerator();
        Task<bool> live = watch.MoveNextAsync().AsTask();
        fixture.Faults.HoldAppends();
        Task<Answer> note = fixture.NoteAsync("a");
        await fixture.HeldAsync();
        Task<Answer> query = fixture.SendAsync(new CatalogQuery());
        Task<Answer> duplicate = fixture.NoteAsync("a");

        Task<Answer> next = fixture.NoteAsync("b");
        await fixture.Ledgers.HandledAsync(commands: 5); // The catalog and these four: all had their chance to leave.
        Assert.All((Task[])[note, query, duplicate, next, live], task => Assert.False(task.IsCompleted));
        Assert.Equal(1, await fixture.Host.DurableSequenceAsync(Tenant, default));
        Assert.Empty(await fixture.Host.ReadAsync(Tenant, 2, 10, default));

        fixture.Faults.ReleaseOne();
        Assert.Equal(2, (await WithinAsync(note, "the answer")).Event!.Sequence);
        Assert.True(await WithinAsync(live, "the event"));
        await fixture.HeldAsync();
        Assert.False(next.IsCompleted);
        fixture.Faults.ReleaseAppends();
        Assert.Equal(3, (await WithinAsync(next, "the second answer")).Event!.Sequence);
        Assert.Equal(2, (await WithinAsync(duplicate, "the duplicate")).Event!.Sequence);
        await WithinAsync(query, "the query");
    }

    [Fact]
    public async Task The_next_group_is_decided_while_the_last_is_in_flight()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Faults.HoldAppends();
        Task<Answer> first = fixture.NoteAsync();
        await fixture.HeldAsync();
        Task<Answer>[] others = [.. Enumerable.Range(0, 100).Select(_ => fixture.NoteAsync())];
        fixture.Faults.ReleaseOne();
        await WithinAsync(first, "the first answer");
        await fixture.HeldAsync();
        fixture.Faults.ReleaseAppends();
        await WithinAsync(Task.WhenAll(others), "the others' answers");
        // One for the catalog, one for the first; the others shared few groups, mostly one.
        Assert.InRange((await fixture.GroupsAsync()).Count, 3, 10);
    }

    [Fact]
    public async Task A_thousand_concurrent_submitters_have_one_effect_each()
    {
        await using Fixture fixture = await StartAsync();
        Answer[] answers = await WithinAsync(
            Task.WhenAll(Enumerable.Range(0, 1000).Select(i => Task.Run(() => fixture.NoteAsync($"{i}")))),
            "the answers");
        Assert.Equal(Enumerable.Range(2, 1000).Select(i => (long)i), answers.Select(a => a.Event!.Sequence).Order());
        List<string> journal = await fixture.JournalAsync();
        Assert.Equal(1001, journal.Count);
        Assert.All(answers, answer => Assert.Equal(answer.Event!.RequestId, journal[(int)answer.Event.Sequence - 1]));
    }

    [Fact]
    public async Task Commands_of_one_caller_are_handled_in_order()
    {
        await using Fixture fixture = await StartAsync();
        Task<Answer>[] answers = [.. Enumerable.Range(0, 500).Select(i => fixture.NoteAsync($"{i}"))];
        await WithinAsync(Task.WhenAll(answers), "the answers");
        Assert.Equal(Enumerable.Range(0, 500).Select(i => $"{i}"), (await fixture.JournalAsync()).Skip(1));
    }

    [Fact]
    public async Task A_group_waits_for_commands_that_are_arriving()
    {
        await using Fixture fixture = await StartAsync();
        await WithinAsync(Task.WhenAll(NoteInChain(fixture, notes: 5, TimeSpan.Zero)), "the answers");
        Assert.Equal([1, 5], (await fixture.GroupsAsync()).Select(group => group.Events));
    }

    [Fact]
    public async Task A_group_waits_no_longer_than_its_bound()
    {
        await using Fixture fixture = await StartAsync();
        await WithinAsync(Task.WhenAll(NoteInChain(fixture, 12, TimeSpan.FromMilliseconds(3))), "the answers");
        Assert.All(await fixture.GroupsAsync(), group => Assert.InRange(group.Events, 1, 4));
    }

    /// <summary>Notes, of which each arrives while the one before is handled, so long after it.</summary>
    private static Task<Answer>[] NoteInChain(Fixture fixture, int notes, TimeSpan apart)
    {
        var answers = new TaskCompletionSource<Answer>[notes];
        for (int i = 0; i < notes; i++) answers[i] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int sent = 0;
        fixture.Ledgers.OnNote = () =>
        {
            fixture.Time.Advance(apart);
            Send();
        };
        Send();
        return [.. answers.Select(answer => answer.Task)];

        void Send()
        {
            if (sent == notes) return;
            TaskCompletionSource<Answer> answer = answers[sent++];
            _ = fixture.NoteAsync().ContinueWith(
                note => answer.SetFromTask(note), TaskScheduler.Default);
        }
    }

    [Fact]
    public async Task A_group_is_bounded_by_events_and_by_bytes()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Faults.HoldAppends();
        Task<Answer>[] small = [.. Enumerable.Range(0, 5000).Select(_ => fixture.NoteAsync())];
        await fixture.HeldAsync();
        Task<Answer>[] large = [.. Enumerable.Range(0, 40).Select(
            _ => fixture.SendAsync(new NoteCommand(fixture.NextId(), Bytes: 100_000)))];
        fixture.Faults.ReleaseAppends();
        await WithinAsync(Task.WhenAll([.. small, .. large]), "the answers");
        Assert.All(await fixture.GroupsAsync(), group =>
        {
            Assert.InRange(group.Events, 1, OpenGroup.EventsPerGroupMax);
            Assert.InRange(group.Body.Length, 1, OpenGroup.BytesPerGroupMax + 110_000);
        });
    }

    [Fact]
    public async Task A_duplicate_is_answered_with_the_first_ones_event()
    {
        await using Fixture fixture = await StartAsync();
        Answer first = await fixture.NotedAsync("a");
        Answer again = await fixture.NotedAsync("a");
        Assert.Equal((Outcome.Done, 0, first.Event), (again.Outcome, again.DuplicateOf, again.Event));
        await fixture.RestartAsync();
        Answer later = await fixture.NotedAsync("a");
        Assert.Equal((Outcome.Done, 0, first.Event), (later.Outcome, later.DuplicateOf, later.Event));
        Assert.Equal(["catalog", "a"], await fixture.JournalAsync());
    }

    [Fact]
    public async Task Above_the_bound_commands_are_turned_away_and_settlements_have_room_of_their_own()
    {
        await using Fixture fixture = await StartAsync(
            new ActivationHostOptions { Lanes = new() { WaitingCommandsMax = 5, WaitingSettlementsMax = 3 } });
        fixture.Faults.HoldAppends();
        Task<Answer>[] notes = [.. Enumerable.Range(0, 5).Select(_ => fixture.NoteAsync())];
        Assert.Equal(TenantFault.Busy, await FaultOfAsync(fixture.NoteAsync("refused")));
        Task<Answer>[] commits = [.. Enumerable.Range(0, 3).Select(i => fixture.SendAsync(Commit($"c{i}")))];
        Assert.Equal(TenantFault.Busy, await FaultOfAsync(fixture.SendAsync(Commit("refused"))));
        fixture.Faults.ReleaseAppends();
        await WithinAsync(Task.WhenAll([.. notes, .. commits]), "the answers");
        await fixture.NotedAsync("after");
        List<string> journal = await fixture.JournalAsync();
        Assert.Equal(10, journal.Count);
        Assert.DoesNotContain("refused", journal);
    }

    [Fact]
    public async Task A_defect_fails_its_own_command_and_nobody_else()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(DefectLog);
        fixture.Faults.HoldAppends();
        Task<Answer> inFlight = fixture.NoteAsync("a");
        await fixture.HeldAsync();
        Task<Answer> neighbour = fixture.NoteAsync("b");
        Task<Answer> defect = fixture.SendAsync(new DefectCommand());
        Task<Answer> after = fixture.NoteAsync("c");
        Assert.Equal(TenantFault.Defect, await FaultOfAsync(defect));
        fixture.Faults.ReleaseAppends();
        Assert.Equal(2, (await WithinAsync(inFlight, "the answer in flight")).Event!.Sequence);
        Assert.Equal(3, (await WithinAsync(neighbour, "the neighbour's answer")).Event!.Sequence);
        Assert.Equal(4, (await WithinAsync(after, "the answer after the reload")).Event!.Sequence);
        Assert.Equal(["catalog", "a", "b", "c"], await fixture.JournalAsync());
        Assert.Equal(2, fixture.Log.Count(LoadedLog));
    }

    private static CommitCommand Commit(string id) => new(1, 1, new CommitTokensRequest { RequestId = id });
}
