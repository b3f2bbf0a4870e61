namespace AgentBudget.Rpc;

/// <summary>Answers one request with one response.</summary>
/// <typeparam name="TRequest">The request message.</typeparam>
/// <typeparam name="TResponse">The response message.</typeparam>
/// <param name="request">Owned by the handler.</param>
/// <param name="call">Valid until the returned task completes.</param>
/// <returns>The response; it is serialized after the task completes and must not change then, so one instance may
/// answer many calls.</returns>
/// <exception cref="RpcException">Sent to the caller. Anything else is logged and reaches the caller as INTERNAL,
/// without its text.</exception>
public delegate ValueTask<TResponse> UnaryHandler<TRequest, TResponse>(TRequest request, RpcCall call);

/// <summary>Answers one request with a stream of responses, which ends when the returned task completes.</summary>
/// <typeparam name="TRequest">The request message.</typeparam>
/// <typeparam name="TResponse">The message of the stream.</typeparam>
/// <param name="request">Owned by the handler.</param>
/// <param name="responses">Where the messages go.</param>
/// <param name="call">Valid until the returned task completes. Await nothing without its cancellation.</param>
/// <returns>A task that ends the stream.</returns>
/// <exception cref="RpcException">Ends the stream with an error.</exception>
/// <exception cref="OperationCanceledException">By the call's cancellation: the stream ends with the status of what
/// cancelled it.</exception>
public delegate Task ServerStreamingHandler<TRequest, TResponse>(
    TRequest request, IRpcStreamWriter<TResponse> responses, RpcCall call);

/// <summary>Answers a stream of requests with one response.</summary>
/// <typeparam name="TRequest">The message of the stream.</typeparam>
/// <typeparam name="TResponse">The response message.</typeparam>
/// <param name="requests">Where the messages come from. It need not be read to its end.</param>
/// <param name="call">Valid until the returned task completes. Await nothing without its cancellation.</param>
/// <returns>The response; it is serialized after the task completes and must not change then.</returns>
/// <exception cref="RpcException">Ends the call with an error.</exception>
/// <exception cref="OperationCanceledException">By the call's cancellation: the call ends with the status of what
/// cancelled it.</exception>
public delegate Task<TResponse> ClientStreamingHandler<TRequest, TResponse>(
    IRpcStreamReader<TRequest> requests, RpcCall call)
    where TRequest : class;

/// <summary>Answers a stream of requests with a stream of responses, which ends when the returned task completes.
/// </summary>
/// <typeparam name="TRequest">The message of the requests.</typeparam>
/// <typeparam name="TResponse">The message of the responses.</typeparam>
/// <param name="requests">Where the messages come from. It need not be read to its end.</param>
/// <param name="responses">Where the messages go. A read and a write may run at once.</param>
/// <param name="call">Valid until the returned task completes. Await nothing without its cancellation.</param>
/// <returns>A task that ends the stream; no read and no write may be pending then.</returns>
/// <exception cref="RpcException">Ends the stream with an error.</exception>
/// <exception cref="OperationCanceledException">By the call's cancellation: the stream ends with the status of what
/// cancelled it.</exception>
public delegate Task DuplexStreamingHandler<TRequest, TResponse>(
    IRpcStreamReader<TRequest> requests, IRpcStreamWriter<TResponse> responses, RpcCall call)
    where TRequest : class;
