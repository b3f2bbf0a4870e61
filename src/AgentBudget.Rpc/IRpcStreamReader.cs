using System.Diagnostics.CodeAnalysis;

namespace AgentBudget.Rpc;

/// <summary>
/// The receiving end of a stream of messages. One read at a time, which may run beside a write. What is not read stays
/// in the connection's window and holds its sender there.
/// </summary>
/// <typeparam name="T">The message of the stream.</typeparam>
public interface IRpcStreamReader<T>
    where T : class
{
    /// <summary>The next message, or null at the good end of the stream; waits for either.</summary>
    /// <exception cref="RpcException">The next message is too large, late in the middle, or cannot be read: the call is
    /// over, so let it pass.</exception>
    /// <exception cref="OperationCanceledException">The call is over: <see cref="RpcCall.Cancellation"/> fired.
    /// </exception>
    ValueTask<T?> ReadAsync();

    /// <summary>
    /// The next message if it has arrived whole. A handler that takes all that is there before it waits handles them as
    /// one group.
    /// </summary>
    /// <param name="message">Owned by the handler.</param>
    /// <returns>False when nothing whole is there, or nothing more comes: <see cref="ReadAsync"/> tells which.
    /// </returns>
    /// <exception cref="RpcException">As with <see cref="ReadAsync"/>.</exception>
    /// <exception cref="OperationCanceledException">As with <see cref="ReadAsync"/>.</exception>
    bool TryRead([NotNullWhen(true)] out T? message);
}
