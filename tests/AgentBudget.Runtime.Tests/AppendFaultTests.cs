using AgentBudget.Ledger;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage;
using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;
using static AgentBudget.Runtime.Tests.Fixture;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Runtime.Tests;

/// <summary>What callers hear when an append does not just succeed, and what is in the journal then.</summary>
public sealed class AppendFaultTests
{
    [Theory]
    [InlineData(AppendFault.UnknownNotWritten)]
    [InlineData(AppendFault.UnknownWritten)]
    [InlineData(AppendFault.UnknownLandsLate)]
    public async Task An_append_of_unknown_outcome_is_resolved_and_has_one_effect(AppendFault fault)
    {
        await using Fixture fixture = await StartAsync();
        Once(fixture, fault);
        fixture.Faults.HoldAppends();
        Task<Answer> first = fixture.NoteAsync("a");
        await fixture.HeldAsync();
        Task<Answer> next = fixture.NoteAsync("b");
        fixture.Faults.ReleaseAppends();
        Assert.Equal(2, (await WithinAsync(first, "the resolved answer")).Event!.Sequence);
        Assert.Equal(3, (await WithinAsync(next, "the next answer")).Event!.Sequence);
        fixture.Faults.LandLateWrites();
        Assert.Equal(["catalog", "a", "b"], await fixture.JournalAsync());
        Assert.Equal(2, (await fixture.GroupsAsync())[^1].Epoch);
    }

    [Fact]
    public async Task Nothing_is_answered_while_an_outcome_is_being_found_out()
    {
        await using Fixture fixture = await StartAsync();
        Once(fixture, AppendFault.UnknownWritten);
        using var acquiring = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        fixture.Faults.OnCall = method =>
        {
            if (method != nameof(ILedgerStore.AcquireAsync)) return null;
            acquiring.Release();
            Assert.True(goOn.Wait(Patience));
            return null;
        };
        Task<Answer> note = Task.Run(() => fixture.NoteAsync("a"));
        Assert.True(await acquiring.WaitAsync(Patience));
        Assert.False(note.IsCompleted);
        Assert.Equal(1, await fixture.Host.DurableSequenceAsync(Tenant, default));
        goOn.Release();
        Assert.Equal(2, (await WithinAsync(note, "the answer")).Event!.Sequence);
    }

    [Fact]
    public async Task A_group_that_the_store_never_takes_is_given_up_and_nothing_was_recorded()
    {
        await using Fixture fixture = await StartAsync();
        int attempts = 0;
        fixture.Faults.OnAppend = _ =>
        {
            attempts++;
            return AppendFault.UnknownNotWritten;
        };
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(fixture.NoteAsync("a")));
        Assert.Equal(TurnLoop.AppendAttemptsMax, attempts);
        fixture.Faults.OnAppend = null;
        Assert.Equal(2, (await fixture.NotedAsync("b")).Event!.Sequence);
        Assert.Equal(["catalog", "b"], await fixture.JournalAsync());
    }

    [Fact]
    public async Task What_cannot_be_found_out_is_unknown_and_what_was_not_sent_had_no_effect()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(3209);
        Once(fixture, AppendFault.UnknownWritten);
        fixture.Faults.HoldAppends();
        Task<Answer> sent = fixture.NoteAsync("a");
        await fixture.HeldAsync();
        Task<Answer> notSent = fixture.NoteAsync("b");
        Task<Answer> query = fixture.SendAsync(new CatalogQuery());
        await fixture.Ledgers.HandledAsync(commands: 4);
        int failures = 1;
        fixture.Faults.OnCall = method => method == nameof(ILedgerStore.AcquireAsync)
            && Interlocked.Decrement(ref failures) == 0 ? new StoreException("not reachable") : null;
        fixture.Faults.ReleaseAppends();
        Assert.Equal(TenantFault.OutcomeUnknown, await FaultOfAsync(sent));
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(notSent));
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(query));
        Assert.Equal(2, (await fixture.NotedAsync("a")).Event!.Sequence);
        Assert.Equal(["catalog", "a"], await fixture.JournalAsync());
    }

    [Fact]
    public async Task A_lost_fence_drops_memory_and_nothing_was_recorded()
    {
        await using Fixture fixture = await StartAsync();
        Once(fixture, AppendFault.FenceLost);
        fixture.Faults.HoldAppends();
        Task<Answer> first = fixture.NoteAsync("a");
        await fixture.HeldAsync();
        Task<Answer> next = fixture.NoteAsync("b");
        await fixture.Ledgers.HandledAsync(commands: 3);
        fixture.Faults.ReleaseAppends();
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(first));
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(next));
        await fixture.Log.SeenAsync(FenceLostLog);
        Assert.Equal(1, fixture.Log.Count(LoadedLog));
        Assert.Equal(2, (await fixture.NotedAsync("b")).Event!.Sequence);
        Assert.Equal(2, fixture.Log.Count(LoadedLog));
        Assert.Equal(["catalog", "b"], await fixture.JournalAsync());
    }

    [Fact]
    public async Task What_another_owner_wrote_is_seen_after_a_lost_fence()
    {
        await using Fixture fixture = await StartAsync();
        await AppendAsAnotherOwnerAsync(fixture, "theirs");
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(fixture.NoteAsync("a")));
        Assert.Equal(3, (await fixture.NotedAsync("a")).Event!.Sequence);
        Assert.Equal(["catalog", "theirs", "a"], await fixture.JournalAsync());
    }

    [Fact]
    public async Task Groups_of_another_owner_after_an_unknown_append_are_loaded_and_its_outcome_stays_unknown()
    {
        await using Fixture fixture = await StartAsync();
        Once(fixture, AppendFault.UnknownNotWritten);
        bool isDone = false;
        fixture.Faults.OnCall = method =>
        {
            if (method != nameof(ILedgerStore.AcquireAsync) || isDone) return null;
            isDone = true;
            AppendAsAnotherOwnerAsync(fixture, "theirs").GetAwaiter().GetResult();
            return null;
        };
        Assert.Equal(TenantFault.OutcomeUnknown, await FaultOfAsync(fixture.NoteAsync("a")));
        Assert.Equal(3, (await fixture.NotedAsync("a")).Event!.Sequence);
        Assert.Equal(["catalog", "theirs", "a"], await fixture.JournalAsync());
    }

    [Fact]
    public async Task Without_space_a_former_owner_answers_no_query_from_what_it_knew()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(FullLog);
        await fixture.BeginAsync("other");
        await AppendAsAnotherOwnerAsync(fixture, "theirs");
        fixture.Faults.HasSpace = false;
        Assert.Equal(
            TenantFault.StoreFull, await FaultOfAsync(fixture.SendAsync(new NoteCommand("a"), "other")));
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(fixture.SendAsync(new CatalogQuery())));
    }

    [Fact]
    public async Task Without_space_writes_are_refused_reads_are_served_and_space_is_noticed()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(FullLog);
        fixture.Faults.HasSpace = false;
        Assert.Equal(TenantFault.StoreFull, await FaultOfAsync(fixture.NoteAsync("a")));
        Assert.Equal(1, await fixture.QueryAsync());
        int tried = 0;
        fixture.Faults.OnAppend = _ =>
        {
            tried++;
            return AppendFault.None;
        };
        Assert.Equal(TenantFault.StoreFull, await FaultOfAsync(fixture.NoteAsync("b")));
        Assert.Equal(0, tried);
        fixture.Time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TenantFault.StoreFull, await FaultOfAsync(fixture.NoteAsync("c")));
        fixture.Faults.HasSpace = true;
        fixture.Time.Advance(TimeSpan.FromSeconds(1));
        await fixture.Log.SeenAsync(HasSpaceLog);
        Assert.Equal(2, (await fixture.NotedAsync("a")).Event!.Sequence);
        Assert.Equal(["catalog", "a"], await fixture.JournalAsync());
    }

    [Fact]
    public async Task Without_space_what_was_decided_is_refused_and_gone_from_memory()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(FullLog);
        fixture.Faults.HoldAppends();
        Task<Answer> inFlight = fixture.NoteAsync("a");
        await fixture.HeldAsync();
        Task<Answer> decided = fixture.NoteAsync("b");
        await fixture.Ledgers.HandledAsync(commands: 3);
        fixture.Faults.HasSpace = false;
        fixture.Faults.ReleaseAppends();
        Assert.Equal(TenantFault.StoreFull, await FaultOfAsync(inFlight));
        Assert.Equal(TenantFault.StoreFull, await FaultOfAsync(decided));
        Assert.Equal(1, await fixture.QueryAsync());
    }

    [Fact]
    public async Task A_deadline_that_came_due_without_space_is_recorded_once_there_is()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(FullLog);
        long at = fixture.Time.NowNanos + 10_000_000_000;
        await WithinAsync(fixture.SendAsync(new DeadlineCommand("d", at)), "an answer");
        fixture.Faults.HasSpace = false;
        Assert.Equal(TenantFault.StoreFull, await FaultOfAsync(fixture.NoteAsync("a")));
        fixture.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(2, await fixture.QueryAsync());
        fixture.Faults.HasSpace = true;
        fixture.Time.Advance(TimeSpan.FromSeconds(1));
        await fixture.Log.SeenAsync(HasSpaceLog);
        Assert.Equal(4, (await fixture.NotedAsync("a")).Event!.Sequence);
        Assert.Equal(["catalog", "d", "", "a"], await fixture.JournalAsync());
    }

    [Fact]
    public async Task A_store_that_cannot_be_read_at_load_is_tried_again()
    {
        await using var fixture = new Fixture();
        await fixture.Host.StartAsync(default);
        fixture.Faults.OnCall = _ => new StoreException("not reachable");
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(fixture.SendAsync(
            new ApplyCatalogCommand(new() { RequestId = "catalog" }, new(), [], "admin"))));
        fixture.Faults.OnCall = null;
        await fixture.BeginAsync();
        Assert.Equal(Outcome.Done, (await fixture.NotedAsync("a")).Outcome);
    }

    [Fact]
    public async Task A_tenant_that_another_owner_takes_during_its_load_is_loaded_when_asked_again()
    {
        await using Fixture fixture = await StartAsync();
        await fixture.Host.StopAsync(default);
        using var loading = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        bool isDone = false;
        fixture.Faults.OnCall = method =>
        {
            if (method != nameof(ILedgerStore.ReadHeadAsync) || isDone) return null;
            isDone = true;
            AppendAsAnotherOwnerAsync(fixture, "theirs").GetAwaiter().GetResult();
            loading.Release();
            Assert.True(goOn.Wait(Patience));
            return null;
        };
        await fixture.KillAndStartAsync();
        Task<Answer> note = fixture.NoteAsync("a");
        Assert.True(await loading.WaitAsync(Patience));
        goOn.Release();
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(note));
        Assert.Contains("another silo has the tenant", fixture.Log.TextOf(FenceLostLog), StringComparison.Ordinal);
        Assert.Equal(3, (await fixture.NotedAsync("a")).Event!.Sequence);
        Assert.Equal(["catalog", "theirs", "a"], await fixture.JournalAsync());
    }

    private static void Once(Fixture fixture, AppendFault fault)
    {
        int count = 0;
        fixture.Faults.OnAppend = _ => Interlocked.Increment(ref count) == 1 ? fault : AppendFault.None;
    }

    private static async Task AppendAsAnotherOwnerAsync(Fixture fixture, string id)
    {
        await using InMemoryStore other = fixture.Store.AsAnotherOwner();
        long epoch = await other.AcquireAsync(Tenant, default);
        JournalHead head = await other.ReadHeadAsync(Tenant, default);
        using var group = new JournalGroup(Tenant);
        var theirs = new Protocol.V1.LedgerEvent { Sequence = head.LastEvent + 1, RequestId = id };
        Google.Protobuf.MessageExtensions.WriteTo(theirs, group.AddEvent(theirs.CalculateSize()));
        group.Seal(head, epoch);
        var completion = new Completion();
        other.BeginAppend(group, completion);
        Assert.Equal(AppendOutcome.Appended, completion.Outcome);
    }

    private sealed class Completion : IAppendCompletion
    {
        public AppendOutcome? Outcome { get; private set; }

        public void AppendCompleted(AppendOutcome outcome) => Outcome = outcome;
    }
}
