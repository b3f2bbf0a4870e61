using AgentBudget.Api.Budgets;
using AgentBudget.Api.Edge;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
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
    public async Task Items_that_arrived_together_are_answered_with_one_flush()
    {
        Requests requests = new(count: 100);
        Responses responses = new();
        responses.Open();

        await RunAsync(requests, responses).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal((100, 1), (responses.Numbers.Count, responses.Flushes));
    }

    [Fact]
    public async Task A_stream_that_breaks_while_it_is_read_is_answered_first()
    {
        RpcException broken = new(new Status(StatusCode.InvalidArgument, "no message"));
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

    [Fact]
    public async Task Items_that_came_as_items_are_answered_in_few_messages()
    {
        Requests requests = new(count: 10, itemsOfMessage: 300);
        Responses responses = new();
        responses.Open();

        await RunAsync(requests, responses).WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(Enumerable.Range(1, 3000).Select(number => (ulong)number), responses.Numbers);
        Assert.InRange(responses.Messages, 3, 10);
    }

    private static Task RunAsync(Requests requests, Responses responses)
    {
        SpendItems items = new(null!, new DefectLog(NullLogger<DefectLog>.Instance, TimeProvider.System));
        ApiCall call = new(new DefaultHttpContext(), "/agentbudget.v1.BudgetService/Spend", CancellationToken.None);
        return new SpendStream(items, requests, responses, call).RunAsync();
    }

    /// <param name="count">How many messages.</param>
    /// <param name="end">What the reading ends with; null for the good end.</param>
    /// <param name="isOpen">Whether nothing comes behind them, and no end.</param>
    /// <param name="itemsOfMessage">How many items a message has; 0 for one that it holds itself.</param>
    private sealed class Requests(int count, Exception? end = null, bool isOpen = false, int itemsOfMessage = 0)
        : IAsyncStreamReader<SpendRequest>
    {
        private ulong _number;

        internal int Taken { get; private set; }

        public SpendRequest Current { get; private set; } = new();

        public Task<bool> MoveNext(CancellationToken cancellationToken)
        {
            if (Taken < count)
            {
                Taken++;
                Current = Next();
                return Task.FromResult(true);
            }

            if (isOpen)
                return new TaskCompletionSource<bool>().Task;
            return end is null ? Task.FromResult(false) : Task.FromException<bool>(end);
        }

        private SpendRequest Next()
        {
            SpendRequest request = new();
            if (itemsOfMessage == 0)
                request.CorrelationId = ++_number;
            for (int i = 0; i < itemsOfMessage; i++)
                request.Items.Add(new SpendItem { CorrelationId = ++_number });
            return request;
        }
    }

    private sealed class Responses : IServerStreamWriter<SpendResponse>
    {
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal List<ulong> Numbers { get; } = [];

        internal int Messages { get; private set; }

        internal int Flushes { get; private set; }

        public WriteOptions? WriteOptions { get; set; }

        public async Task WriteAsync(SpendResponse message)
        {
            Messages++;
            if (!WriteOptions!.Flags.HasFlag(WriteFlags.BufferHint))
                Flushes++;
            if (message.Answers.Count == 0)
                Numbers.Add(message.CorrelationId);
            Numbers.AddRange(message.Answers.Select(answer => answer.CorrelationId));
            await _open.Task;
        }

        internal void Open() => _open.SetResult();

        internal void Break(Exception failure) => _open.SetException(failure);
    }
}
