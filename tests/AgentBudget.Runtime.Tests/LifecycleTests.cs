using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using static AgentBudget.Runtime.Tests.Fixture;

namespace AgentBudget.Runtime.Tests;

/// <summary>Tenants come into memory and leave it; deadlines, snapshots, damage, stop and start.</summary>
public sealed class LifecycleTests
{
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan HalfSecond = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task A_deadline_is_handled_without_a_command()
    {
        await using Fixture fixture = await StartAsync();
        await SetDeadlineAsync(fixture, TimeSpan.FromSeconds(60));
        fixture.Time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(2, await fixture.QueryAsync());
        fixture.Time.Advance(TimeSpan.FromSeconds(2));
        await DurableAsync(fixture, 3);
        Assert.Equal(["catalog", "deadline", ""], await fixture.JournalAsync());
    }

    [Fact]
    public async Task A_command_after_a_deadline_sees_it_handled()
    {
        await using Fixture fixture = await StartAsync();
        await SetDeadlineAsync(fixture, TimeSpan.FromSeconds(60));
        fixture.Faults.HoldAppends();
        fixture.Time.Advance(TimeSpan.FromSeconds(61));
        Task<Answer> note = fixture.NoteAsync("a");
        fixture.Faults.ReleaseAppends();
        Assert.Equal(4, (await WithinAsync(note, "an answer")).Event!.Sequence);
        Assert.Equal(["catalog", "deadline", "", "a"], await fixture.JournalAsync());
    }

    [Fact]
    public async Task After_a_jump_of_the_wall_what_is_due_happens_within_a_second_and_without_a_command()
    {
        await using Fixture fixture = await StartAsync();
        await SetDeadlineAsync(fixture, TimeSpan.FromMinutes(90));
        fixture.Time.SetWall(TimeSpan.FromHours(2));
        fixture.Time.Advance(HalfSecond);
        fixture.Time.Advance(HalfSecond);
        await DurableAsync(fixture, 3);
        Assert.Equal(["catalog", "deadline", ""], await fixture.JournalAsync());
    }

    [Fact]
    public async Task After_a_jump_of_the_wall_a_deadline_is_waited_for_as_long_as_is_left()
    {
        await using Fixture fixture = await StartAsync(
            new ActivationHostOptions { PassivateAfter = TimeSpan.FromDays(1) });
        await SetDeadlineAsync(fixture, TimeSpan.FromMinutes(50));
        fixture.Time.SetWall(TimeSpan.FromMinutes(20));
        fixture.Time.Advance(HalfSecond);
        fixture.Time.Advance(HalfSecond);
        fixture.Time.Advance(TimeSpan.FromMinutes(31));
        await DurableAsync(fixture, 3);
        Assert.Equal(["catalog", "deadline", ""], await fixture.JournalAsync());
    }

    [Fact]
    public async Task An_idle_tenant_leaves_memory_with_a_snapshot_and_comes_back()
    {
        await using Fixture fixture = await StartAsync();
        await fixture.NotedAsync("a");
        fixture.Time.Advance(Idle * 1.5);
        await fixture.Log.SeenAsync(LeftMemoryLog);
        StoredSnapshot? snapshot = await fixture.Store.ReadSnapshotAsync(Tenant, long.MaxValue, default);
        Assert.Equal(2, snapshot?.Head.LastEvent);
        Assert.Equal(2, (await fixture.NotedAsync("a")).Event!.Sequence);
        Assert.Equal(3, (await fixture.NotedAsync("b")).Event!.Sequence);
        Assert.Equal(2, fixture.Log.Count(LoadedLog));
        Assert.Equal(0, fixture.Ledgers.Applied);
    }

    [Fact]
    public async Task A_tenant_in_use_stays_in_memory()
    {
        await using Fixture fixture = await StartAsync();
        for (int i = 0; i < 10; i++)
        {
            fixture.Time.Advance(Idle / 2);
            await fixture.NotedAsync();
        }

        Assert.Equal(0, fixture.Log.Count(LeftMemoryLog));
    }

    [Fact]
    public async Task A_deadline_of_a_sleeping_tenant_wakes_it()
    {
        await using Fixture fixture = await StartAsync();
        await SetDeadlineAsync(fixture, TimeSpan.FromHours(30));
        fixture.Time.Advance(Idle * 1.5);
        await fixture.Log.SeenAsync(LeftMemoryLog);
        fixture.Time.Advance(TimeSpan.FromHours(30));
        Task durable = DurableAsync(fixture, 3);
        while (!durable.IsCompleted)
        {
            // It says that it leaves before its next wake-up is set, which may be after the time has moved.
            fixture.Time.Advance(TimeSpan.FromMilliseconds(1));
            await Task.Yield();
        }

        await durable;
        Assert.Equal(["catalog", "deadline", ""], await fixture.JournalAsync());
    }

    [Fact]
    public async Task After_a_start_a_sleeping_tenants_deadline_is_known_without_loading_it()
    {
        await using Fixture fixture = await StartAsync();
        await SetDeadlineAsync(fixture, TimeSpan.FromHours(5));
        await fixture.RestartAsync();
        Assert.Equal(1, fixture.Log.Count(LoadedLog));
        fixture.Time.Advance(TimeSpan.FromHours(6));
        await DurableAsync(fixture, 3);
        Assert.Equal(2, fixture.Log.Count(LoadedLog));
    }

    [Fact]
    public async Task After_a_kill_a_tenant_is_loaded_at_once_and_its_deadlines_are_handled()
    {
        // The killed host is still there: it must not pass out of memory and take the tenant back at the deadline.
        await using Fixture fixture = await StartAsync(
            new ActivationHostOptions { PassivateAfter = TimeSpan.FromDays(1) });
        await SetDeadlineAsync(fixture, TimeSpan.FromHours(5));
        ActivationHost killed = fixture.Host;
        await fixture.KillAndStartAsync();
        await fixture.Log.SeenAsync(LoadedLog);
        await fixture.Log.SeenAsync(LoadedLog);
        fixture.Time.Advance(TimeSpan.FromHours(6));
        await DurableAsync(fixture, 3);
        Assert.Equal(["catalog", "deadline", ""], await fixture.JournalAsync());
        await killed.DisposeAsync();
    }

    [Fact]
    public async Task A_defect_at_a_deadline_is_not_hit_in_a_tight_loop()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(DefectLog);
        await SetDeadlineAsync(fixture, TimeSpan.FromSeconds(10));
        fixture.Ledgers.DeadlinesFail = true;
        fixture.Time.Advance(TimeSpan.FromSeconds(11));
        await fixture.Log.SeenAsync(DefectLog);
        await fixture.Log.SeenAsync(LoadedLog);
        await fixture.Log.SeenAsync(LoadedLog);
        Assert.Equal(1, fixture.Log.Count(DefectLog));
        fixture.Ledgers.DeadlinesFail = false;
        fixture.Time.Advance(TimeSpan.FromSeconds(10));
        await DurableAsync(fixture, 3);
    }

    [Fact]
    public async Task A_stop_lets_what_is_in_flight_finish_and_takes_a_snapshot()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Faults.HoldAppends();
        Task<Answer> inFlight = fixture.NoteAsync("a");
        await fixture.HeldAsync();
        Task<Answer> decided = fixture.NoteAsync("b");
        Task stop = fixture.Host.StopAsync(default);
        Assert.Equal(TenantFault.NotReady, await FaultOfAsync(fixture.NoteAsync("c")));
        Assert.False(stop.IsCompleted);
        fixture.Faults.ReleaseAppends();
        await WithinAsync(stop, "the stop");
        Assert.Equal(2, (await WithinAsync(inFlight, "the answer in flight")).Event!.Sequence);
        Assert.Equal(3, (await WithinAsync(decided, "the decided answer")).Event!.Sequence);
        Assert.Equal(3, (await fixture.Store.ReadSnapshotAsync(Tenant, long.MaxValue, default))?.Head.LastEvent);
    }

    [Fact]
    public async Task A_stop_that_is_cancelled_stops_waiting()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Faults.HoldAppends();
        Task<Answer> inFlight = fixture.NoteAsync("a");
        await fixture.HeldAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => fixture.Host.StopAsync(new CancellationToken(canceled: true)));
        fixture.Faults.ReleaseAppends();
        await WithinAsync(inFlight, "the answer in flight");
    }

    [Fact]
    public async Task Snapshots_are_taken_every_so_many_events_and_bound_the_replay()
    {
        await using Fixture fixture = await StartAsync(
            new ActivationHostOptions { Activations = new() { SnapshotEveryEvents = 100 } });
        for (int i = 0; i < 250; i++) await fixture.NotedAsync();
        ActivationHost killed = fixture.Host;
        StoredSnapshot snapshot = await WithinAsync(OnlyAsync(after: 200), "the second snapshot in the first's place");
        await fixture.KillAndStartAsync();
        Assert.Equal(252, (await fixture.NotedAsync("last")).Event!.Sequence);
        Assert.Equal(251 - snapshot.Head.LastEvent, fixture.Ledgers.Applied);
        Assert.InRange(fixture.Ledgers.Applied, 0, 100);
        await killed.DisposeAsync();

        async Task<StoredSnapshot> OnlyAsync(long after)
        {
            while (true)
            {
                await Task.Yield();
                if (await fixture.Store.ReadSnapshotAsync(Tenant, long.MaxValue, default) is { } newest
                    && newest.Head.LastEvent >= after
                    && await fixture.Store.ReadSnapshotAsync(Tenant, newest.Head.LastEvent - 1, default) is null)
                    return newest;
            }
        }
    }

    [Fact]
    public async Task A_snapshot_that_does_not_restore_is_reported_and_replay_starts_earlier()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(3101);
        for (int i = 0; i < 5; i++) await fixture.NotedAsync($"{i}");
        await fixture.RestartAsync();
        fixture.Ledgers.OnRestore = () => new InvalidDataException("a planted fault");
        Assert.Equal(3, (await fixture.NotedAsync("1")).Event!.Sequence);
        Assert.Equal(7, (await fixture.NotedAsync("new")).Event!.Sequence);
        Assert.Equal(1, fixture.Log.Count(3101));
        Assert.Equal(6, fixture.Ledgers.Applied);
        fixture.Ledgers.OnRestore = null;
    }

    [Fact]
    public async Task A_snapshot_of_another_journal_is_not_used()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(3101);
        await fixture.NotedAsync("a");
        await fixture.RestartAsync();
        StoredSnapshot real = (await fixture.Store.ReadSnapshotAsync(Tenant, long.MaxValue, default))!;
        long epoch = await fixture.Store.AcquireAsync(Tenant, default);
        await fixture.Store.SaveSnapshotAsync(
            Tenant, epoch, real with { Head = real.Head with { Hash = ChainHash.Of("other"u8) } }, default);
        Assert.Equal(3, (await fixture.NotedAsync("b")).Event!.Sequence);
        Assert.Equal(1, fixture.Log.Count(3101));
    }

    [Fact]
    public async Task Older_snapshots_stay_until_the_newer_was_read_back_and_restored()
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(3101);
        await fixture.NotedAsync("a");
        await fixture.RestartAsync();
        await fixture.NotedAsync("b");
        fixture.Ledgers.OnRestore = () => new InvalidDataException("a planted fault");
        await fixture.RestartAsync();
        fixture.Ledgers.OnRestore = null;
        Assert.NotNull(await fixture.Store.ReadSnapshotAsync(Tenant, 2, default));
        Assert.NotNull(await fixture.Store.ReadSnapshotAsync(Tenant, 3, default));
        await fixture.NotedAsync("c");
        await fixture.RestartAsync();
        Assert.Null(await fixture.Store.ReadSnapshotAsync(Tenant, 3, default));
        Assert.Equal(4, (await fixture.Store.ReadSnapshotAsync(Tenant, 4, default))?.Head.LastEvent);
    }

    [Fact]
    public async Task A_large_snapshot_counts_once_it_was_read_back_and_is_the_same_bytes()
    {
        await using Fixture fixture = await StartAsync(
            new ActivationHostOptions { Activations = new() { SnapshotRestoredBytesMax = 0 } });
        await fixture.NotedAsync("a");
        await fixture.RestartAsync();
        await fixture.NotedAsync("b");
        fixture.Ledgers.OnRestore = () => new InvalidDataException("a planted fault");
        await fixture.RestartAsync();
        fixture.Ledgers.OnRestore = null;
        Assert.Null(await fixture.Store.ReadSnapshotAsync(Tenant, 2, default));
        Assert.NotNull(await fixture.Store.ReadSnapshotAsync(Tenant, 3, default));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_edited_journal_byte_is_named_at_load_and_halts_that_tenant_alone(bool hasSnapshot)
    {
        await using Fixture fixture = await StartAsync();
        fixture.Log.Expect(HaltedLog, 3101);
        await fixture.BeginAsync("other");
        await fixture.NotedAsync("a");
        await fixture.NotedAsync("b");
        ActivationHost first = fixture.Host;
        byte[] body = (await fixture.GroupsAsync())[1].Body.ToArray();
        body[^1] ^= 1;
        if (hasSnapshot) await fixture.RestartAsync();
        fixture.Store.Overwrite(Tenant, sequence: 2, body);
        if (!hasSnapshot) await fixture.KillAndStartAsync();

        var refusal = await Assert.ThrowsAsync<TenantException>(() => fixture.NoteAsync("c"));
        Assert.Equal(TenantFault.JournalDamaged, refusal.Fault);
        Assert.Contains("'acme' is damaged at group 2", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("'acme' is damaged at group 2", fixture.Log.TextOf(HaltedLog), StringComparison.Ordinal);
        var read = await Assert.ThrowsAsync<TenantException>(
            async () => await fixture.Host.ReadAsync(Tenant, 1, 10, default));
        Assert.Equal(TenantFault.JournalDamaged, read.Fault);
        await WithinAsync(fixture.SendAsync(new NoteCommand("d"), "other"), "the other tenant's answer");
        await first.DisposeAsync();
    }

    [Fact]
    public void Options_out_of_range_are_refused() => Assert.Throws<ArgumentOutOfRangeException>(
        () => new Fixture(new ActivationHostOptions { Lanes = new() { WaitingCommandsMax = 0 } }));

    [Theory]
    [InlineData(3, false)]
    [InlineData(2, true)]
    public async Task A_journal_up_to_a_bound_is_verified_before_its_tenant_serves_and_a_longer_one_meanwhile(
        long verifiedFirstMax, bool serves)
    {
        await using Fixture fixture = await StartAsync(
            new ActivationHostOptions { Activations = new() { EventsVerifiedFirstMax = verifiedFirstMax } });
        fixture.Log.Expect(HaltedLog, 3101);
        await fixture.NotedAsync("a");
        await fixture.NotedAsync("b");
        byte[] body = (await fixture.GroupsAsync())[0].Body.ToArray();
        body[^1] ^= 1;
        await fixture.RestartAsync();
        fixture.Store.Overwrite(Tenant, sequence: 1, body);
        int loads = fixture.Log.Count(LoadedLog);

        var refusal = await Assert.ThrowsAsync<TenantException>(() => fixture.NoteAsync("c"));
        Assert.Equal(TenantFault.JournalDamaged, refusal.Fault);
        Assert.Equal(serves, fixture.Log.Count(LoadedLog) > loads);
    }

    private static Task<Answer> SetDeadlineAsync(Fixture fixture, TimeSpan after) => WithinAsync(
        fixture.SendAsync(new DeadlineCommand("deadline", fixture.Time.NowNanos + (after.Ticks * 100))), "an answer");

    private static async Task DurableAsync(Fixture fixture, long sequence)
    {
        await using var watch = fixture.Host.WatchAsync(Tenant, sequence, default).GetAsyncEnumerator();
        Assert.True(await WithinAsync(watch.MoveNextAsync().AsTask(), $"event {sequence}"));
    }
}
