namespace AgentBudget.Rpc;

/// <summary>The sending end of a stream of messages. One write at a time.</summary>
/// <typeparam name="T">The message of the stream.</typeparam>
public interface IRpcStreamWriter<in T>
{
    /// <summary>
    /// Sends the response headers now, so that the caller knows that the stream is open before there is a message.
    /// Without it they leave with the first message.
    /// </summary>
    /// <exception cref="OperationCanceledException">The call is over: <see cref="RpcCall.Cancellation"/> fired.
    /// </exception>
    ValueTask StartAsync();

    /// <summary>
    /// Sends a message and waits until the connection has taken it: a slow reader slows the writer and nobody else.
    /// </summary>
    /// <param name="message">Serialized before the method returns; the caller keeps it.</param>
    /// <exception cref="OperationCanceledException">The call is over: <see cref="RpcCall.Cancellation"/> fired.
    /// </exception>
    ValueTask WriteAsync(T message);
}
