using System.Collections.Concurrent;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Client;

/// <summary>
/// All spending calls of a client, from their start to their end, and the streams that carry them. A call ends once: by
/// its answer, by a fault that no retry mends, at its deadline, or when its caller gives up.
/// </summary>
internal sealed partial class SpendPool : IAsyncDisposable
{
    /// <summary>How often deadlines are looked at: a timer for each call would cost more than the call.</summary>
    internal static readonly TimeSpan SweepInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a reserve whose caller has gone is followed, to give back what it held.</summary>
    internal static readonly TimeSpan AbandonedMax = TimeSpan.FromSeconds(30);

    /// <summary>How long disposal waits for answers.</summary>
    internal static readonly TimeSpan DrainMax = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<ulong, SpendCall> _calls = new();
    private readonly SpendStream[] _streams;
    private readonly AgentBudgetClientOptions _options;
    private readonly CredentialSource _credentials;
    private readonly RequestIds _ids;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Backoff _backoff;
    private readonly DueQueue _retries;
    private readonly ITimer _sweeper;
    private long _pending;
    private ulong _lastNumber;
    private volatile bool _isClosed;

    public SpendPool(
        AgentBudgetClientOptions options,
        BudgetService.BudgetServiceClient budgets,
        CredentialSource credentials,
        RequestIds ids,
        ClientTelemetry telemetry,
        TimeProvider time,
        ILogger logger)
    {
        _options = options;
        _credentials = credentials;
        _ids = ids;
        _time = time;
        _logger = logger;
        Telemetry = telemetry;
        _backoff = new Backoff(options.RetryDelay, options.RetryDelayMax);
        _retries = new DueQueue(time, call => StreamOf(call.Item.CorrelationId).Send(call));
        _streams =
        [
            .. Enumerable.Range(0, options.SpendStreams)
                .Select(_ => new SpendStream(this, budgets, _backoff, time, logger)),
        ];
        _sweeper = time.CreateTimer(_ => Sweep(), state: null, SweepInterval, SweepInterval);
    }

    public ClientTelemetry Telemetry { get; }

    /// <summary>Which credential a stream that is opened now is opened with.</summary>
    public int Credential => _credentials.Version;

    /// <summary>Calls that wait for their answers.</summary>
    public long Pending => Volatile.Read(ref _pending);

    public Task<SpendAnswer> CallAsync(SpendItem item, string requestId, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested) return Task.FromCanceled<SpendAnswer>(cancellation);
        item.CorrelationId = Interlocked.Increment(ref _lastNumber);
        long now = _time.GetTimestamp();
        SpendCall call = new(item, requestId, now, now + TicksOf(_options.CallTimeout))
        {
            Elements = ItemBounds.ElementsOf(item),
            Activity = ClientTelemetry.Start(item.ItemCase),
        };
        if (FaultBeforeSending(call) is { } fault)
        {
            Telemetry.End(call, fault.StatusCode, _time);
            return Task.FromException<SpendAnswer>(fault.ToException(requestId));
        }

        _calls[item.CorrelationId] = call;
        Interlocked.Increment(ref _pending);
        if (cancellation.CanBeCanceled)
            call.Cancellation = cancellation.UnsafeRegister((state, token) => GiveUp((SpendCall)state!, token), call);
        StreamOf(item.CorrelationId).Send(call);
        return call.Result;
    }

    /// <summary>Puts a call on a stream; false when it has ended.</summary>
    internal bool Carry(SpendCall call, SpendStream.Run run)
    {
        lock (call)
        {
            if (!_calls.ContainsKey(call.Item.CorrelationId)) return false;
            call.CarriedBy(run);
            return true;
        }
    }

    internal void Answer(SpendAnswer answer)
    {
        if (!_calls.TryGetValue(answer.CorrelationId, out SpendCall? call)) return;
        if (answer.AnswerCase == SpendAnswer.AnswerOneofCase.Status)
        {
            Retry(call, CallFault.Of(answer.Status));
            return;
        }

        if (!End(call, StatusCode.OK)) return;
        if (call.IsAbandoned) GiveBack(call, answer);
        call.Answer(answer);
    }

    /// <summary>Takes what an ended stream carried, and sends it again or fails it.</summary>
    internal async Task TakeBackAsync(
        SpendStream.Run run, SpendStream stream, CallFault fault, CancellationToken cancellation)
    {
        bool isCredentialNew = fault.IsCredentialRefused && await TryRefreshAsync(run.Credential, cancellation);
        Telemetry.StreamEnded(fault.StatusCode);
        foreach (SpendCall call in _calls.Values)
        {
            if (call.Carrier != run) continue;
            call.Lost(fault);
            Telemetry.Retried(call);
            if (isCredentialNew || fault.MayRetry(call.Attempts)) stream.Send(call);
            else Fail(call, fault);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _isClosed = true;
        long end = _time.GetTimestamp() + TicksOf(DrainMax);
        while (Pending > 0 && _time.GetTimestamp() < end) await Task.Delay(SweepInterval, _time);
        await _sweeper.DisposeAsync();
        _retries.Dispose();
        foreach (SpendStream stream in _streams) await stream.DisposeAsync();
        CallFault closed = CallFault.Local(
            StatusCode.Cancelled, "The client was disposed before the call was answered.");
        foreach (SpendCall call in _calls.Values) Fail(call, closed with { MayHaveHadEffect = call.WasSent });
    }

    private CallFault? FaultBeforeSending(SpendCall call) =>
        _isClosed ? CallFault.Local(StatusCode.Cancelled, "The client is disposed.")
        : Pending >= _options.PendingCallsMax ? CallFault.Local(
            StatusCode.ResourceExhausted,
            $"{_options.PendingCallsMax} calls wait for their answers (PendingCallsMax): send fewer at a time.")
        : ItemBounds.FaultOf(call.Bytes, call.Elements);

    private SpendStream StreamOf(ulong number) => _streams[number % (ulong)_streams.Length];

    private void Retry(SpendCall call, CallFault fault)
    {
        call.Lost(fault);
        if (!fault.MayRetry(call.Attempts))
        {
            Fail(call, fault);
            return;
        }

        TimeSpan pause = _backoff.Pause(call.Attempts, fault.RetryAfter);
        if (_time.GetTimestamp() + TicksOf(pause) >= call.DeadlineTicks) Expire(call); // It would wait for nothing.
        if (!_calls.ContainsKey(call.Item.CorrelationId)) return;
        Telemetry.Retried(call);
        _retries.Add(call, pause);
    }

    private void Fail(SpendCall call, CallFault fault)
    {
        if (!End(call, fault.StatusCode)) return;
        call.Fail(fault.ToException(call.RequestId));
    }

    private bool End(SpendCall call, StatusCode status)
    {
        if (!_calls.TryRemove(call.Item.CorrelationId, out _)) return false;
        Interlocked.Decrement(ref _pending);
        call.Cancellation.Unregister();
        Telemetry.End(call, status, _time);
        return true;
    }

    private void GiveUp(SpendCall call, CancellationToken cancellation)
    {
        if (EndOrFollow(call, StatusCode.Cancelled)) call.Cancel(cancellation);
    }

    private void Sweep()
    {
        long now = _time.GetTimestamp();
        foreach (SpendCall call in _calls.Values)
        {
            if (call.DeadlineTicks <= now) Expire(call);
        }
    }

    private void Expire(SpendCall call)
    {
        CallFault last = call.LastFault
            ?? CallFault.Local(StatusCode.DeadlineExceeded, "The service did not answer.");
        CallFault fault = last with
        {
            StatusCode = StatusCode.DeadlineExceeded,
            MayHaveHadEffect = last.MayHaveHadEffect || call.Carrier is not null,
        };
        string sentence = $"The call was not answered within {_options.CallTimeout.TotalSeconds:0.###} s, "
            + $"{call.Attempts} attempts failed. The last one: {last.ToException(call.RequestId).Message}";
        if (!EndOrFollow(call, StatusCode.DeadlineExceeded)) return;
        call.Fail(new AgentBudgetTimeoutException(sentence, fault, call.RequestId, last.ToException(call.RequestId)));
    }

    // A hold that is answered after its caller has gone would stand until it expires. Under the call's lock, so that it
    // is not put on a stream between the question and the end.
    private bool EndOrFollow(SpendCall call, StatusCode status)
    {
        lock (call)
        {
            bool isFollowed = call.LeavesAHold && !_isClosed
                && call.Abandon(_time.GetTimestamp() + TicksOf(AbandonedMax));
            return isFollowed || End(call, status);
        }
    }

    private void GiveBack(SpendCall call, SpendAnswer answer)
    {
        if (answer.Reserve?.Reservation is not { ReservationId.Length: > 0 } reservation) return;
        Log.GivingBack(_logger, reservation.ReservationId);
        SpendItem release = new()
        {
            Release = new ReleaseTokensRequest
            {
                RequestId = _ids.Next(),
                SessionToken = call.Item.Reserve.SessionToken,
                ReservationId = reservation.ReservationId,
                Reason = "the caller gave up before the hold was answered",
            },
        };
        _ = ObserveAsync(CallAsync(release, release.Release.RequestId, CancellationToken.None), reservation);
    }

    private async Task ObserveAsync(Task<SpendAnswer> release, Reservation reservation)
    {
        try
        {
            await release;
        }
        catch (AgentBudgetException fault)
        {
            Log.NotGivenBack(_logger, reservation.ReservationId, fault.Message);
        }
    }

    private async Task<bool> TryRefreshAsync(int refused, CancellationToken cancellation)
    {
        try
        {
            return await _credentials.RefreshAsync(refused, cancellation);
        }
        catch (AgentBudgetException)
        {
            return false; // The file cannot be read: the calls fail with what the service said.
        }
    }

    private long TicksOf(TimeSpan time) => (long)(time.TotalSeconds * _time.TimestampFrequency);

    private static partial class Log
    {
        [LoggerMessage(
            EventId = 11,
            Level = LogLevel.Information,
            Message = "The caller of reservation {Reservation} gave up before it was answered: its hold is released.")]
        public static partial void GivingBack(ILogger logger, string reservation);

        [LoggerMessage(
            EventId = 12,
            Level = LogLevel.Warning,
            Message = "Reservation {Reservation} could not be released and stands until it expires: {Detail}")]
        public static partial void NotGivenBack(ILogger logger, string reservation, string detail);
    }
}
