using System.Collections.Concurrent;
using AgentBudget.Api.Access;
using AgentBudget.Api.Edge.Checks;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Api.Edge;

/// <summary>
/// The streams that are open. Every two seconds each one's caller is looked at again, so that a stream ends soon after
/// its caller's credential or session; and all are told when the server stops, since a stream holds a server for ever.
/// </summary>
internal sealed partial class OpenStreams : IAsyncDisposable
{
    // With the sweep's own second, and one for the answer, a stream ends within 5 s of its caller's credential.
    private static readonly TimeSpan ReviewInterval = TimeSpan.FromSeconds(2);

    // How late a stream that does not end may be noticed.
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    // A stream that is to end gets this long to do so; then it is reset. A reader that takes nothing can keep it
    // waiting in a write for ever.
    private static readonly TimeSpan EndGrace = TimeSpan.FromSeconds(5);

    // What was answered or refused last has this long to leave: a server that closes a connection drops the frames that
    // it has not written, and its callers would not know why.
    private static readonly TimeSpan LeaveTime = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<OpenStream, bool> _streams = new();
    private readonly AccessGuard _guard;
    private readonly TimeProvider _time;
    private readonly ILogger<OpenStreams> _logger;
    private readonly ITimer _sweep;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _unfinished; // Streams whose last answer has not left.
    private volatile bool _isDraining;

    public OpenStreams(AccessGuard guard, TimeProvider time, ILogger<OpenStreams> logger)
    {
        _guard = guard;
        _time = time;
        _logger = logger;
        _sweep = time.CreateTimer(static self => ((OpenStreams)self!).Sweep(), this, SweepInterval, SweepInterval);
    }

    /// <summary>Whether new calls are refused.</summary>
    internal bool IsDraining => _isDraining;

    /// <summary>Enters a stream, until it is disposed.</summary>
    internal OpenStream Open(ServerCallContext context)
    {
        OpenStream stream = new(this, context.GetHttpContext(), context.Method, context.CancellationToken)
        {
            ReviewDue = Due(ReviewInterval),
        };
        _streams.TryAdd(stream, true);
        Interlocked.Increment(ref _unfinished);
        context.GetHttpContext().Response.OnCompleted(Finished, this);
        if (_isDraining)
            stream.End(EdgeFaults.Draining().ToRpcException(), _time);
        return stream;
    }

    /// <summary>
    /// The first step of a stop: new calls are refused from here on, and every stream is told to end. Completes when
    /// their ends have left, so that no connection is closed over them.
    /// </summary>
    internal async Task DrainAsync()
    {
        _isDraining = true;
        foreach (OpenStream stream in _streams.Keys)
            stream.End(EdgeFaults.Draining().ToRpcException(), _time);
        if (Volatile.Read(ref _unfinished) > 0)
        {
            using CancellationTokenSource late = new(EndGrace, _time);
            await _drained.Task.WaitAsync(late.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await Task.Delay(LeaveTime, _time);
    }

    public ValueTask DisposeAsync() => _sweep.DisposeAsync();

    private static Task Finished(object streams)
    {
        OpenStreams self = (OpenStreams)streams;
        if (Interlocked.Decrement(ref self._unfinished) == 0 && self._isDraining)
            self._drained.TrySetResult();
        return Task.CompletedTask;
    }

    private void Remove(OpenStream stream) => _streams.TryRemove(stream, out _);

    private long Due(TimeSpan interval) =>
        _time.GetTimestamp() + (long)(interval.TotalSeconds * _time.TimestampFrequency);

    private void Sweep()
    {
        foreach (OpenStream stream in _streams.Keys)
        {
            if (stream.EndedAt is long ended && _time.GetElapsedTime(ended) > EndGrace)
            {
                stream.Abort();
            }
            else if (_time.GetTimestamp() >= stream.ReviewDue)
            {
                stream.ReviewDue = Due(ReviewInterval);
                _ = ReviewAsync(stream);
            }
        }
    }

    private async Task ReviewAsync(OpenStream stream)
    {
        AccessRule rule = AccessPolicy.Of(stream.Method);
        if (rule.IsOpen)
            return;
        try
        {
            if (await _guard.ReviewAsync(rule, stream.Authorization) is not RpcException refusal)
                return;
            Log.Refused(_logger, stream.Method, refusal.StatusCode);
            stream.End(refusal, _time);
        }
        catch (Exception failure)
        {
            // A guard that cannot tell ends nothing: the next review asks again.
            Log.ReviewFailed(_logger, failure, stream.Method);
        }
    }

    /// <summary>One stream that is open.</summary>
    internal sealed class OpenStream : IDisposable
    {
        private readonly OpenStreams _streams;
        private readonly HttpContext _http;
        private readonly CancellationTokenSource _ending;
        private RpcException? _end;
        private long _endedAt;

        internal OpenStream(OpenStreams streams, HttpContext http, string method, CancellationToken cancellation)
        {
            _streams = streams;
            _http = http;
            _ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            Method = method;
            Authorization = http.Request.Headers.Authorization.Count == 0
                ? null
                : http.Request.Headers.Authorization.ToString();
        }

        internal string Method { get; }

        internal string? Authorization { get; }

        internal long ReviewDue { get; set; }

        /// <summary>Fires when the stream is to end, or its caller has left.</summary>
        internal CancellationToken Ending => _ending.Token;

        /// <summary>What the server ends the stream with; null while it does not.</summary>
        internal RpcException? Reason => Volatile.Read(ref _end);

        internal long? EndedAt => Volatile.Read(ref _endedAt) is var ended && ended == 0 ? null : ended;

        /// <summary>
        /// Tells the stream to end. On another thread: what its handler registered may run long, and the sweep does not
        /// wait for that.
        /// </summary>
        internal void End(RpcException reason, TimeProvider time)
        {
            if (Interlocked.CompareExchange(ref _end, reason, null) is not null)
                return;
            Volatile.Write(ref _endedAt, time.GetTimestamp());
            ThreadPool.UnsafeQueueUserWorkItem(static stream => stream.Cancel(), this, preferLocal: false);
        }

        /// <summary>Cuts a stream that did not end when it was told to.</summary>
        internal void Abort()
        {
            _http.Abort();
            _streams.Remove(this);
        }

        public void Dispose()
        {
            _streams.Remove(this);
            _ending.Dispose();
        }

        private void Cancel()
        {
            try
            {
                _ending.Cancel();
            }
            catch (AggregateException)
            {
                // A callback that the handler registered failed; its own await shows what matters.
            }
            catch (ObjectDisposedException)
            {
                // The stream ended meanwhile.
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Debug, "A stream of {Method} ends: its caller may no longer call ({Status})")]
        internal static partial void Refused(ILogger logger, string method, StatusCode status);

        [LoggerMessage(6, LogLevel.Error, "The caller of a stream of {Method} could not be reviewed")]
        internal static partial void ReviewFailed(ILogger logger, Exception failure, string method);
    }
}
