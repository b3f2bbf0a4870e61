using System.Net.Sockets;
using AgentBudget.Rpc.Wire;

namespace AgentBudget.Rpc.Tests;

/// <summary>The end of the caller's patience: by its token, or by the timeout of the call.</summary>
internal sealed class CallDeadline : IDisposable
{
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource? _timeout;
    private readonly CancellationTokenSource? _either;

    /// <param name="options">Holds the timeout.</param>
    /// <param name="time">The clock of the timeout.</param>
    /// <param name="caller">The caller's own token.</param>
    /// <param name="canCancel">Whether <see cref="Cancel"/> will be called, which takes a token of its own.</param>
    internal CallDeadline(RpcCallOptions options, TimeProvider time, CancellationToken caller, bool canCancel = false)
    {
        ArgumentNullException.ThrowIfNull(options);
        _caller = caller;
        Token = caller;
        if (options.Timeout is not TimeSpan timeout)
        {
            if (canCancel)
            {
                _either = CancellationTokenSource.CreateLinkedTokenSource(caller);
                Token = _either.Token;
            }

            return;
        }

        TimeSpan left = timeout < TimeSpan.Zero ? TimeSpan.Zero : timeout;
        _timeout = new CancellationTokenSource(left < CallTimeout.Longest ? left : CallTimeout.Longest, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(caller, _timeout.Token);
        Token = _either.Token;
    }

    internal CancellationToken Token { get; }

    internal bool IsCancelledByCaller => _caller.IsCancellationRequested;

    /// <summary>Gives up for a caller who wants no more.</summary>
    internal void Cancel() => _either?.Cancel();

    /// <summary>A failure of the transport or of patience as an error; null for what stays as it is.</summary>
    internal RpcException? Translate(Exception failure)
    {
        if (failure is RpcException || _caller.IsCancellationRequested)
            return null;
        if (_timeout is { IsCancellationRequested: true })
            return Faults.DeadlinePassed();

        // HttpClient lets a SocketException through when a connection dies while it is being made, and a request body
        // that the transport cancels, because the server reset the call, shows as a cancellation.
        bool isTransport = failure is HttpRequestException or IOException or SocketException
            || (failure is OperationCanceledException && !Token.IsCancellationRequested);
        return isTransport ? ResponseStatus.OfTransport(failure) : null;
    }

    public void Dispose()
    {
        _either?.Dispose();
        _timeout?.Dispose();
    }
}
