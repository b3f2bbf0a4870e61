using System.Net.Sockets;
using AgentBudget.Rpc.Wire;

namespace AgentBudget.Rpc.Client;

/// <summary>The end of the caller's patience: by its token, or by the timeout of the call.</summary>
internal sealed class CallDeadline : IDisposable
{
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource? _timeout;
    private readonly CancellationTokenSource? _either;

    internal CallDeadline(RpcCallOptions options, TimeProvider time, CancellationToken caller)
    {
        ArgumentNullException.ThrowIfNull(options);
        _caller = caller;
        Token = caller;
        if (options.Timeout is not TimeSpan timeout)
            return;
        TimeSpan left = timeout < TimeSpan.Zero ? TimeSpan.Zero : timeout;
        _timeout = new CancellationTokenSource(left < CallTimeout.Longest ? left : CallTimeout.Longest, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(caller, _timeout.Token);
        Token = _either.Token;
    }

    internal CancellationToken Token { get; }

    /// <summary>A failure of the transport or of patience as an error; null for what stays as it is.</summary>
    internal RpcException? Translate(Exception failure)
    {
        if (failure is RpcException || _caller.IsCancellationRequested)
            return null;
        if (_timeout is { IsCancellationRequested: true })
            return Faults.DeadlinePassed();
        // HttpClient lets a SocketException through when a connection dies while it is being made.
        return failure is HttpRequestException or IOException or SocketException
            ? ResponseStatus.OfTransport(failure)
            : null;
    }

    public void Dispose()
    {
        _either?.Dispose();
        _timeout?.Dispose();
    }
}
