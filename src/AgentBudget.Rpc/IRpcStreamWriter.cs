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
    /// <exception cref="OperationCanceledException">The call is over: <see cref="RpcCall.Cancellation"/> fired. Where
    /// the server ends the stream (it drains, or the caller may no longer call), writing goes on for what is left to
    /// say.</exception>
    ValueTask WriteAsync(T message);

    /// <summary>Sends messages that are there together, with as few writes to the connection as their size takes.
    /// </summary>
    /// <param name="messages">Must not change until the returned task completes; the caller keeps it.</param>
    /// <exception cref="OperationCanceledException">As with <see cref="WriteAsync"/>; some messages may have left.
    /// </exception>
    ValueTask WriteAllAsync(IReadOnlyList<T> messages);
}
