using System.IO.Pipelines;
using AgentBudget.Rpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Rpc.Server;

/// <summary>
/// One call on one HTTP stream. Kestrel pools its streams and this rides along, so the features are looked up once a
/// stream and a call allocates nothing here. Its parts: what a handler sees (this file), the request
/// (<c>HttpCall.Request.cs</c>), the answer (<c>HttpCall.Response.cs</c>).
/// </summary>
internal sealed partial class HttpCall : RpcCall
{
    private static int _lastNumber;

    private readonly ServerState _server;
    private readonly IHttpRequestFeature _request;
    private readonly IHttpResponseFeature _response;
    private readonly IRequestBodyPipeFeature _requestBody;
    private readonly IHttpResponseBodyFeature _responseBody;
    private readonly IHttpResponseTrailersFeature? _trailers;
    private readonly IHttpRequestLifetimeFeature _lifetime;

    private RpcMethod? _method;
    private RpcPeer? _peer;
    private WireProtocol _protocol;
    private long _deadlineTimestamp;
    private CallCancellation? _cancellation;
    private volatile bool _isWatched;
    private string? _rememberedOf;
    private object? _remembered;
    private long _reviewTimestamp;

    internal HttpCall(IFeatureCollection features, ServerState server)
    {
        _server = server;
        Features = features;
        Number = (uint)Interlocked.Increment(ref _lastNumber);
        _request = features.GetRequiredFeature<IHttpRequestFeature>();
        _response = features.GetRequiredFeature<IHttpResponseFeature>();
        _requestBody = features.GetRequiredFeature<IRequestBodyPipeFeature>();
        _responseBody = features.GetRequiredFeature<IHttpResponseBodyFeature>();
        _lifetime = features.GetRequiredFeature<IHttpRequestLifetimeFeature>();
        _trailers = features.Get<IHttpResponseTrailersFeature>();
    }

    internal IFeatureCollection Features { get; }

    /// <summary>Spreads calls over the registry's stripes.</summary>
    internal uint Number { get; }

    /// <summary>The neighbours in the registry, which alone touches them.</summary>
    internal HttpCall? NextWatched { get; set; }

    internal HttpCall? PreviousWatched { get; set; }

    /// <summary>Whether it is in the registry, which alone sets this.</summary>
    internal bool IsWatched
    {
        get => _isWatched;
        set => _isWatched = value;
    }

    /// <summary>The method of the last call on this stream and its raw target: callers mostly repeat themselves.
    /// </summary>
    internal string? LastTarget { get; set; }

    internal RpcMethod? LastMethod { get; set; }

    internal IHttpRequestFeature Request => _request;

    internal IHttpResponseFeature Response => _response;

    internal PipeReader BodyReader => _requestBody.Reader;

    /// <inheritdoc/>
    public override RpcMethod Method => _method!;

    /// <inheritdoc/>
    public override string Verb => _request.Method;

    /// <inheritdoc/>
    // A stream belongs to one connection for ever, and this rides along.
    public override RpcPeer Peer => _peer ??= RpcPeer.Of(Features);

    /// <inheritdoc/>
    public override object? User { get; set; }

    /// <inheritdoc/>
    public override string? Authorization
    {
        get
        {
            StringValues values = _request.Headers.Authorization;
            return values.Count == 0 ? null : values.ToString();
        }
    }

    /// <inheritdoc/>
    public override object? Remembered
    {
        // The server keeps the string of a header that comes again on a stream: the same object is the same text.
        get => ReferenceEquals(_rememberedOf, Authorization) ? _remembered : null;
        set => (_rememberedOf, _remembered) = (Authorization, value);
    }

    /// <inheritdoc/>
    public override TimeSpan? TimeRemaining
    {
        get
        {
            if (_deadlineTimestamp == 0)
                return null;
            TimeSpan remaining = _server.Time.GetElapsedTime(_server.Time.GetTimestamp(), _deadlineTimestamp);
            return remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero;
        }
    }

    /// <inheritdoc/>
    public override long? DeadlineUnixNanos
    {
        get
        {
            const int nanosPerTick = 100;
            if (_deadlineTimestamp == 0)
                return null;
            TimeSpan remaining = _server.Time.GetElapsedTime(_server.Time.GetTimestamp(), _deadlineTimestamp);
            return ((_server.Time.GetUtcNow() - DateTimeOffset.UnixEpoch) + remaining).Ticks * nanosPerTick;
        }
    }

    /// <inheritdoc/>
    public override CancellationToken Cancellation => EnsureCancellation().Token;

    /// <inheritdoc/>
    public override bool CompressesResponse { get; set; } = true;

    internal bool IsDeadlinePassed =>
        _deadlineTimestamp != 0 && _server.Time.GetTimestamp() >= _deadlineTimestamp;

    private CancellationCause CancellationCause => _cancellation?.Cause ?? CancellationCause.None;

    /// <inheritdoc/>
    public override string? GetMetadata(string name) =>
        _request.Headers.TryGetValue(name, out StringValues values) && values.Count > 0 ? values.ToString() : null;

    /// <inheritdoc/>
    public override byte[]? GetBinaryMetadata(string name)
    {
        if (!_request.Headers.TryGetValue(name, out StringValues values) || values.Count == 0)
            return null;
        if (!BinaryMetadata.TryDecodeFirst(values[0]!, out byte[] decoded))
            throw Faults.HeaderMalformed(name);
        return decoded;
    }

    /// <inheritdoc/>
    public override void AddResponseHeader(string name, string value)
    {
        MetadataRules.Check(name, value);
        if (_response.HasStarted)
            throw new InvalidOperationException("The response headers have been sent.");
        _response.Headers.Append(name, value);
    }

    /// <inheritdoc/>
    public override void AddResponseTrailer(string name, string value)
    {
        MetadataRules.Check(name, value);
        (_handlerTrailers ??= []).Add(new(name, value));
    }

    /// <summary>Enters the registry, which ends the call if its message is late or the server drains.</summary>
    internal void Watch()
    {
        if (!_isWatched)
            _server.Watched.Add(this);
    }

    internal void Unwatch()
    {
        if (_isWatched)
            _server.Watched.Remove(this);
    }

    /// <summary>From here the call is a stream: it is drained first, and cut when it does not heed that.</summary>
    internal void BeginStream()
    {
        EnsureCancellation();
        _isStream = true;
        _reviewTimestamp = _server.ReviewDue();
        Watch();
        if (_server.IsDraining)
            Drain();
    }

    /// <summary>Ends a stream at shutdown. A unary call is left to finish.</summary>
    internal void Drain()
    {
        if (_isStream)
            _cancellation!.FireApart(CancellationCause.Drain);
    }

    /// <summary>Ends what has waited too long. Called by the sweep, from outside, while the call is watched.</summary>
    internal void Sweep()
    {
        if (_isStream && _cancellation!.SinceFired > StreamEndGrace)
        {
            // More cannot be done. It is not kept either: Kestrel never ends some streams of a connection that it cuts.
            _lifetime.Abort();
            _server.Watched.Remove(this);
            return;
        }

        long arrivalDeadline = Volatile.Read(ref _arrivalDeadlineTimestamp);
        if (arrivalDeadline != 0 && _server.Time.GetTimestamp() >= arrivalDeadline)
        {
            _isMessageLate = true;
            CancelRead();
        }

        if (_isStream && _server.Guard is not null && _server.Time.GetTimestamp() >= _reviewTimestamp)
        {
            _reviewTimestamp = _server.ReviewDue();
            new StreamReview(_server.Guard, _method!, Authorization, User, _cancellation!, _server.Logger).Start();
        }
    }

    private void CancelRead()
    {
        try
        {
            _requestBody.Reader.CancelPendingRead();
        }
        catch (ObjectDisposedException)
        {
            // Kestrel has ended the request and this call is about to be reset: nobody reads any more. The sweep runs
            // on a timer, where an exception would end the process.
        }
    }

    /// <summary>Back to what a new call expects to find.</summary>
    internal void Reset()
    {
        Unwatch();
        if (_cancellation is not null)
        {
            _cancellation.Dispose();
            _cancellation = null;
        }

        User = null;
        _method = null;
        _deadlineTimestamp = 0;
        _arrivalDeadlineTimestamp = 0;
        _isMessageLate = false;
        _isMessageRead = false;
        _isStream = false;
        _hasBodyStarted = false;
        _encoding = MessageEncoding.Identity;
        _query = null;
        _takesGzip = false;
        CompressesResponse = true;
        _handlerTrailers = null;
    }

    private CallCancellation EnsureCancellation() =>
        _cancellation ??= new CallCancellation(_server.Time, TimeRemaining, _lifetime.RequestAborted);
}
