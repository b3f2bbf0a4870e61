using System.Runtime.CompilerServices;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Client;

/// <content>Sessions, and what is watched.</content>
public sealed partial class AgentBudgetClient
{
    /// <summary>Starts a session and mints its token.</summary>
    /// <param name="request">The session; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public Task<OpenSessionResponse> OpenSessionAsync(
        OpenSessionRequest request, CancellationToken cancellation = default) =>
        CallAsync(Sessions.OpenSessionAsync, request, cancellation);

    /// <summary>
    /// Starts a session that renews its token by itself and ends when it is disposed:
    /// <c>await using BudgetSession session = await client.StartSessionAsync(request, cancellation);</c>.
    /// </summary>
    /// <param name="request">The session; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task<BudgetSession> StartSessionAsync(
        OpenSessionRequest request, CancellationToken cancellation = default) =>
        new(this, await OpenSessionAsync(request, cancellation), _time, _loggers);

    /// <summary>Moves the expiry of an open session, and mints a token with the new expiry.</summary>
    /// <param name="request">The session; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public Task<RenewSessionResponse> RenewSessionAsync(
        RenewSessionRequest request, CancellationToken cancellation = default) =>
        CallAsync(Sessions.RenewSessionAsync, request, cancellation);

    /// <summary>Ends a session with its outcome.</summary>
    /// <param name="request">The session; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up. The session may end all the same.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public Task<EndSessionResponse> EndSessionAsync(
        EndSessionRequest request, CancellationToken cancellation = default) =>
        CallAsync(Sessions.EndSessionAsync, request, cancellation);

    /// <summary>Ends a session because its token must stop working now.</summary>
    /// <param name="request">The session; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up. The session may end all the same.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public Task<RevokeSessionResponse> RevokeSessionAsync(
        RevokeSessionRequest request, CancellationToken cancellation = default) =>
        CallAsync(Sessions.RevokeSessionAsync, request, cancellation);

    /// <summary>One session.</summary>
    /// <param name="request">Which.</param>
    /// <param name="cancellation">Gives the call up.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public Task<GetSessionResponse> GetSessionAsync(
        GetSessionRequest request, CancellationToken cancellation = default) =>
        CallAsync(Sessions.GetSessionAsync, request, cancellation);

    /// <summary>The live balance of every grain on a session's path, or of one grain.</summary>
    /// <param name="request">Which.</param>
    /// <param name="cancellation">Gives the call up.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public Task<GetBalanceResponse> GetBalanceAsync(
        GetBalanceRequest request, CancellationToken cancellation = default) =>
        CallAsync(Budgets.GetBalanceAsync, request, cancellation);

    /// <summary>
    /// A session's state and what is left on its path, as they change. Ends after the message with the session's last
    /// state. A lost stream is opened again, which shows as one more message with the present state.
    /// </summary>
    /// <param name="request">Which session.</param>
    /// <param name="cancellation">Ends the watching, with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="AgentBudgetException">The service refuses the watching, or was away for too long.</exception>
    public IAsyncEnumerable<WatchSessionResponse> WatchSessionAsync(
        WatchSessionRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return ReopenedAsync(
            () => Sessions.WatchSession(request, cancellationToken: cancellation),
            told => IsOver(told.Session.State),
            cancellation);
    }

    /// <summary>
    /// A request for more as it stands, and again once it is answered; then it ends. A lost stream is opened again,
    /// which shows as one more message.
    /// </summary>
    /// <param name="request">Which request.</param>
    /// <param name="cancellation">Ends the watching, with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="AgentBudgetException">The service refuses the watching, or was away for too long.</exception>
    public IAsyncEnumerable<WatchExtensionRequestResponse> WatchExtensionRequestAsync(
        WatchExtensionRequestRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return ReopenedAsync(
            () => Approvals.WatchExtensionRequest(request, cancellationToken: cancellation),
            told => told.ExtensionRequest.State != ExtensionState.Pending,
            cancellation);
    }

    /// <summary>
    /// Ledger events from a sequence on, in order, without gaps and duplicates. A lost stream goes on where it was.
    /// With <c>from_sequence</c> 0 it begins with what happens from now on. The running totals begin anew with
    /// each opening.
    /// </summary>
    /// <param name="request">Which events.</param>
    /// <param name="cancellation">Ends the watching, with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="AgentBudgetException">The service refuses the watching, or was away for too long.</exception>
    public async IAsyncEnumerable<WatchSpendResponse> WatchSpendAsync(
        WatchSpendRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        WatchSpendRequest next = request.Clone();
        IAsyncEnumerable<WatchSpendResponse> messages = ReopenedAsync(
            () => Spend.WatchSpend(next, cancellationToken: cancellation), _ => false, cancellation);
        await foreach (WatchSpendResponse message in messages)
        {
            long? sequence = message.MessageCase switch
            {
                WatchSpendResponse.MessageOneofCase.Event => message.Event.Sequence,
                WatchSpendResponse.MessageOneofCase.Progress => message.Progress.Sequence,
                WatchSpendResponse.MessageOneofCase.Snapshot => message.Snapshot.Sequence,
                WatchSpendResponse.MessageOneofCase.None => null,
            };
            if (sequence is { } reached)
                next = new WatchSpendRequest { Filter = request.Filter, FromSequence = reached + 1 };
            yield return message;
        }
    }

    internal string NextRequestId() => _ids.Next();

    private static bool IsOver(Session.Types.State state) =>
        state is Session.Types.State.Ended or Session.Types.State.Expired or Session.Types.State.Revoked;

    private async IAsyncEnumerable<T> ReopenedAsync<T>(
        Func<AsyncServerStreamingCall<T>> open,
        Func<T, bool> isLast,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        Backoff backoff = new(_options.RetryDelay, _options.RetryDelayMax);
        int failures = 0;
        long lostTicks = _time.GetTimestamp();
        while (true)
        {
            CallFault? fault = null;
            int credential = _credentials.Version;
            using (AsyncServerStreamingCall<T> call = open())
            {
                while (true)
                {
                    T? message = default;
                    try
                    {
                        if (!await call.ResponseStream.MoveNext(cancellation)) break;
                        message = call.ResponseStream.Current;
                    }
                    catch (RpcException exception)
                    {
                        cancellation.ThrowIfCancellationRequested();
                        fault = CallFault.Of(exception);
                        break;
                    }

                    failures = 0;
                    lostTicks = _time.GetTimestamp();
                    yield return message;
                    if (isLast(message)) yield break;
                }
            }

            await WaitForReopeningAsync(backoff, fault, credential, ++failures, lostTicks, cancellation);
            if (failures == 1) lostTicks = _time.GetTimestamp();
        }
    }

    // A stream that ended well though nothing was over was ended by a silo that stops.
    private async Task WaitForReopeningAsync(
        Backoff backoff,
        CallFault? fault,
        int credential,
        int failures,
        long lostTicks,
        CancellationToken cancellation)
    {
        bool isCredentialNew = fault is { IsCredentialRefused: true } && failures == 1
            && await _credentials.RefreshAsync(credential, cancellation);
        if (fault is not null && !isCredentialNew && !fault.MayRetry(failures)) throw fault.ToException(requestId: "");
        if (fault is not null && failures > 1 && _time.GetElapsedTime(lostTicks) > _options.CallTimeout)
        {
            AgentBudgetException cause = fault.ToException(requestId: "");
            throw new AgentBudgetTimeoutException(
                $"The stream could not be opened again within {_options.CallTimeout.TotalSeconds:0.###} s. "
                    + $"The last attempt: {cause.Message}",
                fault,
                requestId: "",
                cause);
        }

        await Task.Delay(backoff.Pause(failures, fault?.RetryAfter), _time, cancellation);
    }
}
