using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Events;
using static AgentBudget.Runtime.Tests.Fixture;

namespace AgentBudget.Runtime.Tests;

/// <summary>Durable events reach readers in order, without gaps, and no reader slows a turn.</summary>
public sealed class WatchTests
{
    [Fact]
    public async Task A_watch_is_gap_free_from_the_journal_into_the_live_stream()
    {
        await using Fixture fixture = await StartAsync(
            new ActivationHostOptions { Activations = new() { RecentEventsMax = 16 } });
        for (int i = 0; i < 50; i++) await fixture.NotedAsync();
        Task<List<long>> watch = TakeAsync(fixture, 1, 551);
        await WithinAsync(
            Task.WhenAll(Enumerable.Range(0, 500).Select(_ => Task.Run(() => fixture.NoteAsync()))), "the answers");
        Assert.Equal(Enumerable.Range(1, 551).Select(i => (long)i), await WithinAsync(watch, "551 events"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(37)]
    [InlineData(101)]
    public async Task A_watch_resumes_from_any_sequence(long from)
    {
        await using Fixture fixture = await StartAsync(
            new ActivationHostOptions { Activations = new() { RecentEventsMax = 10 } });
        for (int i = 0; i < 100; i++) await fixture.NotedAsync();
        int count = (int)(101 - from + 1);
        Assert.Equal(
            Enumerable.Range((int)from, count).Select(i => (long)i),
            await WithinAsync(TakeAsync(fixture, from, count), "the events"));
    }

    [Fact]
    public async Task A_slow_reader_blocks_nobody_and_catches_up_from_the_journal()
    {
        await using Fixture fixture = await StartAsync(
            new ActivationHostOptions { Activations = new() { RecentEventsMax = 8 } });
        var watch = fixture.Host.WatchAsync(Tenant, 1, default).GetAsyncEnumerator();
        Assert.True(await WithinAsync(watch.MoveNextAsync().AsTask(), "the first event"));
        var seen = new List<long>(watch.Current.Select(read => read.Sequence));
        for (int i = 0; i < 300; i++) await fixture.NotedAsync();
        while (seen.Count < 301)
        {
            Assert.True(await WithinAsync(watch.MoveNextAsync().AsTask(), "more events"));
            seen.AddRange(watch.Current.Select(read => read.Sequence));
        }

        Assert.Equal(Enumerable.Range(1, 301).Select(i => (long)i), seen);
        await watch.DisposeAsync();
    }

    [Fact]
    public async Task A_watch_ends_when_it_is_cancelled()
    {
        await using Fixture fixture = await StartAsync();
        using var cancellation = new CancellationTokenSource();
        var watch = fixture.Host.WatchAsync(Tenant, 2, cancellation.Token).GetAsyncEnumerator();
        Task<bool> next = watch.MoveNextAsync().AsTask();
        Assert.False(next.IsCompleted);
        await cancellation.CancelAsync();
        Assert.False(await WithinAsync(next, "the end"));
        await watch.DisposeAsync();
    }

    [Fact]
    public async Task A_watch_ends_when_the_host_stops()
    {
        await using Fixture fixture = await StartAsync();
        var watch = fixture.Host.WatchAsync(Tenant, 2, default).GetAsyncEnumerator();
        Task<bool> next = watch.MoveNextAsync().AsTask();
        await fixture.Host.StopAsync(default);
        Assert.False(await WithinAsync(next, "the end"));
        await watch.DisposeAsync();
    }

    [Fact]
    public async Task A_watch_of_a_tenant_yet_to_come_sees_its_first_event()
    {
        await using Fixture fixture = await StartAsync();
        var watch = fixture.Host.WatchAsync("later", 1, default).GetAsyncEnumerator();
        Task<bool> next = watch.MoveNextAsync().AsTask();
        await fixture.BeginAsync("later");
        Assert.True(await WithinAsync(next, "the first event"));
        Assert.Equal(1, watch.Current[0].Sequence);
        await watch.DisposeAsync();
    }

    [Fact]
    public async Task A_page_has_at_most_what_was_asked_for_and_ends_at_the_ledgers_end()
    {
        await using Fixture fixture = await StartAsync(
            new ActivationHostOptions { Activations = new() { RecentEventsMax = 4 } });
        for (int i = 0; i < 20; i++) await fixture.NotedAsync();
        Assert.Equal([3, 4, 5], (await fixture.Host.ReadAsync(Tenant, 3, 3, default)).Select(read => read.Sequence));
        Assert.Equal([21], (await fixture.Host.ReadAsync(Tenant, 21, 3, default)).Select(read => read.Sequence));
        Assert.Empty(await fixture.Host.ReadAsync(Tenant, 22, 3, default));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            async () => await fixture.Host.ReadAsync(Tenant, 0, 3, default));
    }

    [Fact]
    public void The_ring_keeps_recent_batches_within_its_bound_and_always_the_newest()
    {
        var hub = new EventHub(eventsMax: 10);
        Publish(hub, 1, 4);
        Publish(hub, 5, 4);
        Publish(hub, 9, 4);
        Assert.False(hub.TryRead(1, out _));
        Assert.True(hub.TryRead(5, out ReadOnlyMemory<LedgerEvent> events));
        Assert.Equal((4, 5), (events.Length, events.Span[0].Sequence));
        Assert.True(hub.TryRead(12, out events));
        Assert.Equal((1, 12), (events.Length, events.Span[0].Sequence));
        Assert.False(hub.TryRead(13, out _));
        Publish(hub, 13, 50);
        Assert.False(hub.TryRead(12, out _));
        Assert.True(hub.TryRead(20, out events));
        Assert.Equal(43, events.Length);
        Assert.Equal(62, hub.DurableSequence);
    }

    [Fact]
    public void The_ring_wraps_around_many_times()
    {
        var hub = new EventHub(eventsMax: 1_000_000);
        using EventReader reader = hub.AddReader(1);
        for (int i = 1; i <= 5000; i++)
        {
            Publish(hub, i, 1);
            reader.NextSequence = Math.Max(1, i - 1022);
        }

        Assert.False(hub.TryRead(5000 - 1024, out _));
        for (int i = 5000 - 1023; i <= 5000; i++)
        {
            Assert.True(hub.TryRead(i, out ReadOnlyMemory<LedgerEvent> events));
            Assert.Equal(i, events.Span[0].Sequence);
        }

        hub.Clear();
        Assert.False(hub.TryRead(5000, out _));
        Publish(hub, 5001, 1);
        Assert.True(hub.TryRead(5001, out _));
    }

    [Fact]
    public void The_ring_keeps_for_its_readers_and_lets_go_of_what_they_have()
    {
        var hub = new EventHub(eventsMax: 10_000);
        EventReader reader = hub.AddReader(1);
        for (int i = 0; i < 20; i++) Publish(hub, 1 + (100 * i), 100);
        Assert.True(hub.TryRead(1, out _));
        reader.NextSequence = 1001;
        Publish(hub, 2001, 100);
        Assert.False(hub.TryRead(1000, out _));
        Assert.True(hub.TryRead(1001, out _));

        reader.Dispose();
        Publish(hub, 2101, 100);
        Assert.False(hub.TryRead(2201 - EventHub.EventsKeptMin - 100, out _));
        Assert.True(hub.TryRead(2201 - EventHub.EventsKeptMin, out _));
    }

    [Fact]
    public void A_reader_that_fell_behind_the_ring_does_not_keep_it_full()
    {
        var hub = new EventHub(eventsMax: 1000);
        using EventReader reader = hub.AddReader(1);
        for (int i = 0; i < 20; i++) Publish(hub, 1 + (100 * i), 100);
        Assert.False(hub.TryRead(2001 - EventHub.EventsKeptMin - 100, out _));
        Assert.True(hub.TryRead(2001 - EventHub.EventsKeptMin, out _));
    }

    [Fact]
    public async Task Waiting_ends_with_an_event_and_with_the_end()
    {
        var hub = new EventHub(eventsMax: 10);
        Task<bool> wait = hub.WaitAsync(0, default).AsTask();
        Assert.False(wait.IsCompleted);
        Publish(hub, 1, 1);
        Assert.True(await WithinAsync(wait, "the event"));
        Task<bool> end = hub.WaitAsync(1, default).AsTask();
        hub.Complete();
        Assert.False(await WithinAsync(end, "the end"));
    }

    private static void Publish(EventHub hub, long first, int count) =>
        hub.Publish([.. Enumerable.Range(0, count).Select(i => new LedgerEvent { Sequence = first + i })]);

    private static async Task<List<long>> TakeAsync(Fixture fixture, long from, int count)
    {
        var seen = new List<long>();
        await foreach (IReadOnlyList<LedgerEvent> batch in fixture.Host.WatchAsync(Tenant, from, default))
        {
            Assert.NotEmpty(batch);
            seen.AddRange(batch.Select(read => read.Sequence));
            if (seen.Count >= count) break;
        }

        return seen;
    }
}
