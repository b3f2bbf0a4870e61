using System.Threading.Channels;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Client;

/// <summary>
/// One of the shared streams: sends what waits, many items a message, and opens another stream when one ends. A message
/// leaves as soon as the one before is written, with everything that arrived meanwhile: no item waits for a batch to
/// fill.
/// </summary>
internal sealed partial class SpendStream : IAsyncDisposable
{
    /// <summary>A stream that cannot be written to ends by itself, and says why; if it does not, it is ended.</summary>
    private static readonly TimeSpan ReaderGrace = TimeSpan.FromSeconds(1);

    private readonly SpendPool _pool;
    private readonly BudgetService.BudgetServiceClient _budgets;
    private readonly Backoff _backoff;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<SpendCall> _waiting =
        Channel.CreateUnbounded<SpendCall>(new UnboundedChannelOptions { SingleReader = true }); // The pool bounds it.

    private readonly Lock _starting = new();
    private Task? _running;

    public SpendStream(
        SpendPool pool,
        BudgetService.BudgetServiceClient budgets,
        Backoff backoff,
        TimeProvider time,
        ILogger logger)
    {
        _pool = pool;
        _budgets = budgets;
        _backoff = backoff;
        _time = time;
        _logger = logger;
    }

    public void Send(SpendCall call)
    {
        _waiting.Writer.TryWrite(call);
        if (_running is not null) return;
        lock (_starting) _running ??= Task.Run(RunAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Task? running;
        lock (_starting) running = _running ??= Task.CompletedTask;
        await running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            int failures = 0;
            while (await _waiting.Reader.WaitToReadAsync(_stop.Token))
            {
                Run run = new(_pool.Credential);
                CallFault fault = await ServeAsync(run);
                if (_stop.IsCancellationRequested) return;
                failures = run.HasAnswered ? 1 : failures + 1;
                Log.StreamEnded(_logger, fault.StatusCode, fault.Message, failures);
                await _pool.TakeBackAsync(run, this, fault, _stop.Token);
                await Task.Delay(_backoff.Pause(failures, fault.RetryAfter), _time, _stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The client is disposed; the pool fails what is left.
        }
    }

    /// <summary>Opens a stream and serves with it until it ends; answers how it ended.</summary>
    private async Task<CallFault> ServeAsync(Run run)
    {
        using CancellationTokenSource ended = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> call =
            _budgets.Spend(cancellationToken: ended.Token);
        Task writing = WriteAsync(run, call.RequestStream, ended);
        CallFault fault;
        try
        {
            await foreach (SpendResponse response in call.ResponseStream.ReadAllAsync(ended.Token))
            {
                run.HasAnswered = true;
                foreach (SpendAnswer answer in response.Answers) _pool.Answer(answer);
            }

            fault = new CallFault(
                StatusCode.Unavailable, Reason: "", "The service ended the stream.", IsRetryable: true,
                MayHaveHadEffect: true);
        }
        catch (RpcException exception)
        {
            fault = CallFault.Of(exception);
        }
        catch (OperationCanceledException)
        {
            fault = CallFault.Local(StatusCode.Cancelled, "The client was disposed.");
        }

        await ended.CancelAsync();
        await writing;
        return fault;
    }

    // Ends with the stream, whose reader learns why: a write that fails says less.
    private async Task WriteAsync(Run run, IClientStreamWriter<SpendRequest> stream, CancellationTokenSource ended)
    {
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(ended.Token))
            {
                // Whoever is about to call, such as those that one message has just answered, may come along.
                await Task.Yield();
                SpendRequest message = NextMessage(run);
                if (message.Items.Count == 0) continue;
                _pool.Telemetry.MessageSent(message.Items.Count);
                await stream.WriteAsync(message, ended.Token);
            }
        }
        catch (Exception exception)
        {
            Log.WriteEnded(_logger, exception.Message);
            ended.CancelAfter(ReaderGrace);
        }
    }

    private SpendRequest NextMessage(Run run)
    {
        SpendRequest message = new();
        int bytes = 0, elements = 0;
        while (_waiting.Reader.TryPeek(out SpendCall? call))
        {
            bool fits = bytes + call.Bytes <= ItemBounds.MessageBytesMax
                && elements + call.Elements <= ItemBounds.MessageElementsMax;
            if (!fits && message.Items.Count > 0) break;
            _waiting.Reader.TryRead(out _);
            if (!_pool.Carry(call, run)) continue; // Its caller has gone meanwhile.
            bytes += call.Bytes;
            elements += call.Elements;
            message.Items.Add(call.Item);
        }

        return message;
    }

    /// <summary>One opened stream, which knows the calls that it carries by itself.</summary>
    internal sealed class Run(int credential)
    {
        public int Credential { get; } = credential;

        public bool HasAnswered { get; set; }
    }

    private static partial class Log
    {
        [LoggerMessage(
            EventId = 1,
            Level = LogLevel.Warning,
            Message = "A spend stream ended with {Status}: {Detail} It is opened again (failure {Failures} in a row).")]
        public static partial void StreamEnded(ILogger logger, StatusCode status, string detail, int failures);

        [LoggerMessage(EventId = 2, Level = LogLevel.Debug, Message = "Writing to a spend stream ended: {Detail}")]
        public static partial void WriteEnded(ILogger logger, string detail);
    }
}
