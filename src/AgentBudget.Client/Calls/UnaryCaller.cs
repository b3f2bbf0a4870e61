using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;

namespace AgentBudget.Client;

/// <summary>Calls that travel alone: retried with one request id until they are answered or their time is up.</summary>
internal sealed class UnaryCaller(
    AgentBudgetClientOptions options,
    CredentialSource credentials,
    RequestIds ids,
    ClientTelemetry telemetry,
    TimeProvider time)
{
    /// <summary>One attempt at most: a connection that swallows a call must not take all of the call's time.</summary>
    private static readonly TimeSpan AttemptMax = TimeSpan.FromSeconds(10);

    private readonly Backoff _backoff = new(options.RetryDelay, options.RetryDelayMax);

    public async Task<TResponse> CallAsync<TRequest, TResponse>(
        Func<TRequest, CallOptions, AsyncUnaryCall<TResponse>> method,
        TRequest request,
        TimeSpan? timeout,
        CancellationToken cancellation)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class
    {
        (TRequest sent, string requestId) = ids.Complete(request);
        string operation = OperationOf(sent);
        Activity? activity = ClientTelemetry.Start(operation);
        long start = time.GetTimestamp();
        StatusCode status = StatusCode.Unknown;
        try
        {
            TResponse answer = await TryAsync(
                new Attempts<TRequest, TResponse>(method, sent, requestId, operation, start, timeout), cancellation);
            status = StatusCode.OK;
            return answer;
        }
        catch (AgentBudgetException fault)
        {
            status = fault.StatusCode;
            throw;
        }
        catch (OperationCanceledException)
        {
            status = StatusCode.Cancelled;
            throw;
        }
        finally
        {
            telemetry.End(operation, activity, status, time.GetElapsedTime(start));
        }
    }

    private async Task<TResponse> TryAsync<TRequest, TResponse>(
        Attempts<TRequest, TResponse> attempts, CancellationToken cancellation)
        where TRequest : class
        where TResponse : class
    {
        TimeSpan timeout = attempts.Timeout ?? options.CallTimeout;
        bool mayHaveHadEffect = false, isCredentialNew = false;
        for (int attempt = 1; ; attempt++)
        {
            TimeSpan left = timeout - time.GetElapsedTime(attempts.StartTicks);
            // A call that was given more time than usual needs it, and is not cut short.
            TimeSpan most = attempts.Timeout is null && left > AttemptMax ? AttemptMax : left;
            int credential = credentials.Version;
            CallFault fault;
            try
            {
                return await AttemptAsync(attempts, most, cancellation);
            }
            catch (RpcException exception)
            {
                cancellation.ThrowIfCancellationRequested();
                fault = CallFault.Of(exception);
            }

            mayHaveHadEffect |= fault.MayHaveHadEffect && attempts.RequestId.Length > 0;
            // Once: a second one that is refused too is no better.
            isCredentialNew = fault.IsCredentialRefused && !isCredentialNew
                && await credentials.RefreshAsync(credential, cancellation);
            if (!isCredentialNew && !fault.MayRetry(attempt))
                throw (fault with { MayHaveHadEffect = mayHaveHadEffect }).ToException(attempts.RequestId);
            TimeSpan pause = isCredentialNew ? TimeSpan.Zero : _backoff.Pause(attempt, fault.RetryAfter);
            if (time.GetElapsedTime(attempts.StartTicks) + pause >= timeout)
                throw TimeoutOf(attempts.RequestId, timeout, attempt, fault, mayHaveHadEffect);
            telemetry.Retried(attempts.Operation);
            await Task.Delay(pause, time, cancellation);
        }
    }

    private async Task<TResponse> AttemptAsync<TRequest, TResponse>(
        Attempts<TRequest, TResponse> attempts, TimeSpan most, CancellationToken cancellation)
        where TRequest : class
        where TResponse : class
    {
        DateTime deadline = time.GetUtcNow().UtcDateTime + (most > TimeSpan.Zero ? most : TimeSpan.Zero);
        using AsyncUnaryCall<TResponse> call =
            attempts.Method(attempts.Request, new CallOptions(deadline: deadline, cancellationToken: cancellation));
        return await call.ResponseAsync;
    }

    private static AgentBudgetTimeoutException TimeoutOf(
        string requestId, TimeSpan timeout, int attempts, CallFault last, bool mayHaveHadEffect)
    {
        AgentBudgetException cause = last.ToException(requestId);
        return new AgentBudgetTimeoutException(
            $"The call was not answered within {timeout.TotalSeconds:0.###} s, {attempts} attempts failed. "
                + $"The last one: {cause.Message}",
            last with { StatusCode = StatusCode.DeadlineExceeded, MayHaveHadEffect = mayHaveHadEffect },
            requestId,
            cause);
    }

    // ApplyCatalogRequest asks for ApplyCatalog.
    private static string OperationOf(IMessage request)
    {
        const string suffix = "Request";
        string name = request.Descriptor.Name;
        return name.EndsWith(suffix, StringComparison.Ordinal) ? name[..^suffix.Length] : name;
    }

    private sealed record Attempts<TRequest, TResponse>(
        Func<TRequest, CallOptions, AsyncUnaryCall<TResponse>> Method,
        TRequest Request,
        string RequestId,
        string Operation,
        long StartTicks,
        TimeSpan? Timeout);
}
