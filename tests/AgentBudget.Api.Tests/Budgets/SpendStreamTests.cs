using System.Diagnostics.CodeAnalysis;
using AgentBudget.Api.Budgets;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Api.Tests.Budgets;

/// <summary>Over items that name nothing and fail at once, so that every step runs when the test says so.</summary>
public sealed class SpendStreamTests
{
    [Fact]
    public async Task A_caller_who_reads_no_answers_is_not_read_beyond_the_bound()
    {
        Requests requests = new(count: SpendStream.ItemsInFlightMax * 3);
        Responses responses = new();

        Task running = RunAsync(requests, responses);

        Assert.Equal(SpendStream.ItemsInFlightMax, requests.Taken);
        Assert.False(running.IsCompleted);
        responses.Open();
        await running.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(Enumerable.Range(1, requests.Taken).Select(number => (ulong)number), responses.Numbers);
        Assert.Equal(SpendStream.ItemsInFlightMax * 3, requests.Taken);
    }

    [Fact]
    public async Task Items_that_arrived_together_are_answered_with_one_write()
    {
        Requests requests = new(count: 100);
        Responses responses = new();
        responses.Open();

        await RunAsync(requests, responses).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal([100], responses.Writes);
    }

    [Fact]
    public async Task A_stream_that_breaks_while_it_is_read_is_answered_first()
    {
        RpcException broken = new(RpcStatusCode.InvalidArgument, "no message");
        Requests requests = new(count: 10, broken);
        Responses responses = new();
        responses.Open();

        RpcException thrown = await Assert.ThrowsAsync<RpcException>(
            () => RunAsync(requests, responses).WaitAsync(TimeSpan.FromSeconds(30)));

        Assert.Same(broken, thrown);
        Assert.Equal(10, responses.Numbers.Count);
    }

    [Fact]
    public async Task A_caller_who_is_gone_ends_the_reading_too()
    {
        Requests requests = new(count: SpendStream.ItemsInFlightMax * 3);
        Responses responses = new();
        Task running = RunAsync(requests, responses);

        responses.Break(new OperationCanceledException("reset"));

        await Assert.ThrowsAsync<OperationCanceledException>(() => running.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(SpendStream.ItemsInFlightMax, requests.Taken);
    }

    [Fact]
    public async Task A_write_that_fails_otherwise_ends_the_stream_at_once()
    {
        Responses responses = new();
        responses.Break(new InvalidOperationException("a defect"));

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => RunAsync(new Requests(count: 1, isOpen: true), responses).WaitAsync(TimeSpan.FromSeconds(30)));
    }

    private static Task RunAsync(Requests requests, Responses responses)
    {
        SpendItems items = new(
            null!,
            new ReserveTokens(null!),
            new CommitTokens(null!),
            new ReleaseTokens(null!),
            new AmendReservation(null!),
            new RecordCost(null!),
            NullLogger<SpendItems>.Instance);
        return new SpendStream(items, requests, responses, null!).RunAsync();
    }

    private sealed class Requests(int count, Exception? end = null, bool isOpen = false)
        : IRpcStreamReader<SpendRequest>
    {
        internal int Taken { get; private set; }

        public ValueTask<SpendRequest?> ReadAsync()
        {
            if (TryRead(out SpendRequest? message))
                return new(message);
            if (isOpen)
                return new(new TaskCompletionSource<SpendRequest?>().Task);
            return end is null ? default : ValueTask.FromException<SpendRequest?>(end);
        }

        public bool TryRead([NotNullWhen(true)] out SpendRequest? message)
        {
            message = Taken < count ? new SpendRequest { CorrelationId = (ulong)++Taken } : null;
            return message is not null;
        }
    }

    private sealed class Responses : IRpcStreamWriter<SpendResponse>
    {
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal List<ulong> Numbers { get; } = [];

        internal List<int> Writes { get; } = [];

        public ValueTask StartAsync() => default;

        public ValueTask WriteAsync(SpendResponse message) => throw new NotSupportedException();

        public async ValueTask WriteAllAsync(IReadOnlyList<SpendResponse> messages)
        {
            Writes.Add(messages.Count);
            Numbers.AddRange(messages.Select(message => message.CorrelationId));
            await _open.Task;
        }

        internal void Open() => _open.SetResult();

        internal void Break(Exception failure) => _open.SetException(failure);
    }
}
