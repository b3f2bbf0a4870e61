namespace AgentBudget.Rpc;

/// <summary>
/// Decides from the headers alone whether a call may proceed, before a byte of its message is read. It is asked for
/// every method, health included; what it does not know it should refuse.
/// </summary>
public interface IRpcGuard
{
    /// <summary>
    /// Completes to let the call proceed; may set <see cref="RpcCall.User"/>. Called concurrently. Best completed when
    /// it returns: waiting costs the call an allocation.
    /// </summary>
    /// <param name="method">The method that is called.</param>
    /// <param name="call">Its headers. Valid during this method and then in the handler.</param>
    /// <exception cref="RpcException">The call is refused with this status.</exception>
    Task AuthorizeAsync(RpcMethod method, RpcCall call);

    /// <summary>
    /// Asked every 2 s about each stream that goes on, so that a stream ends soon after its caller's credential. Called
    /// concurrently; must not block.
    /// </summary>
    /// <param name="method">The method of the stream.</param>
    /// <param name="authorization">The <c>authorization</c> header that the stream was opened with.</param>
    /// <param name="user">Who calls, as <see cref="AuthorizeAsync"/> found out.</param>
    /// <returns>Null when the stream may go on; otherwise the error that ends it.</returns>
    ValueTask<RpcException?> ReviewAsync(RpcMethod method, string? authorization, object? user) => default;
}
