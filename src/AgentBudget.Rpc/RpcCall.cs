namespace AgentBudget.Rpc;

/// <summary>
/// What a handler may know of the call it answers, beside the request message. It is valid until the handler's task
/// completes and is then used for another call: keep nothing of it. Members are for one thread at a time.
/// </summary>
public abstract class RpcCall
{
    /// <summary>The method that is called.</summary>
    public abstract RpcMethod Method { get; }

    /// <summary>The HTTP method of the request: POST, or GET for a call as a query of Connect.</summary>
    public abstract string Verb { get; }

    /// <summary>Who is at the other end of the connection. One object for many calls: made when first asked for.
    /// </summary>
    public abstract RpcPeer Peer { get; }

    /// <summary>The <c>authorization</c> header as it came, or null. A secret: never log it.</summary>
    public abstract string? Authorization { get; }

    /// <summary>
    /// What the guard remembered of the very authorization that this call has, or null. Connections repeat theirs, so
    /// it need not be hashed each time; whether what it stood for still counts is for the guard to ask.
    /// </summary>
    public abstract object? Remembered { get; set; }

    /// <summary>
    /// The deadline in nanoseconds since the Unix epoch, or null when the caller set none. The caller sends a duration,
    /// so this counts from the arrival of the call.
    /// </summary>
    public abstract long? DeadlineUnixNanos { get; }

    /// <summary>What is left until the deadline, zero when it has passed, or null when the caller set none.</summary>
    public abstract TimeSpan? TimeRemaining { get; }

    /// <summary>
    /// Fires when the deadline passes, the caller resets the call, or the server drains and this call is a stream (a
    /// unary call may finish). Made when first asked for: a handler that never waits for long does not pay for it.
    /// </summary>
    public abstract CancellationToken Cancellation { get; }

    /// <summary>Who calls, as the guard found out; null without a guard.</summary>
    public abstract object? User { get; set; }

    /// <summary>Whether large messages are compressed for a caller who takes that, as they are unless a handler says
    /// otherwise. Of a stream: for the messages that follow. Worth turning off where an outsider's text and a secret
    /// are in one message, since the length of the compressed one tells of both.</summary>
    public abstract bool CompressesResponse { get; set; }

    /// <summary>The value of a request header, several joined by commas; null when absent.</summary>
    /// <param name="name">Lower-case ASCII.</param>
    public abstract string? GetMetadata(string name);

    /// <summary>The first value of a binary request header, decoded; null when absent.</summary>
    /// <param name="name">Lower-case ASCII that ends in <c>-bin</c>.</param>
    /// <exception cref="RpcException">INVALID_ARGUMENT: the value is not base64.</exception>
    public abstract byte[]? GetBinaryMetadata(string name);

    /// <summary>Adds a response header. Of a stream: before its first message.</summary>
    /// <param name="name">Lower-case ASCII, not one of the protocol's own.</param>
    /// <param name="value">Printable ASCII; base64 for a name that ends in <c>-bin</c>.</param>
    public abstract void AddResponseHeader(string name, string value);

    /// <summary>Adds a trailer, sent after the last message (Connect unary: a header with the prefix
    /// <c>trailer-</c>).</summary>
    /// <param name="name">Lower-case ASCII, not one of the protocol's own.</param>
    /// <param name="value">Printable ASCII; base64 for a name that ends in <c>-bin</c>.</param>
    public abstract void AddResponseTrailer(string name, string value);
}
