using System.Security.Authentication;
using Google.Rpc;
using Grpc.Core;
using RpcStatus = Google.Rpc.Status;

namespace AgentBudget.Client;

/// <summary>How one attempt of a call failed, and what follows from it by the contract's <c>errors.proto</c>.</summary>
internal sealed record CallFault(
    StatusCode StatusCode, string Reason, string Message, bool IsRetryable, bool MayHaveHadEffect)
{
    /// <summary>A defect of the server is tried again this often: one that stays would only be hit harder.</summary>
    internal const int DefectAttemptsMax = 3;

    private const string Defect = "INTERNAL";
    private const string EdgeDefect = "BUG";

    public TimeSpan? RetryAfter { get; init; }

    public IReadOnlyList<FieldFault> FieldFaults { get; init; } = [];

    public Exception? Cause { get; init; }

    /// <summary>The client's own credential is refused, for this call and every other one.</summary>
    public bool IsCredentialRefused => StatusCode == StatusCode.Unauthenticated;

    public bool MayRetry(int attempts) =>
        IsRetryable && (Reason is not (Defect or EdgeDefect) || attempts < DefectAttemptsMax);

    public AgentBudgetException ToException(string requestId) => new(Sentence(), this, requestId, Cause);

    /// <summary>A fault that the client found by itself, before anything was sent.</summary>
    public static CallFault Local(StatusCode code, string message) =>
        new(code, Reason: "", message, IsRetryable: false, MayHaveHadEffect: false);

    /// <summary>What an item of a stream was answered.</summary>
    public static CallFault Of(RpcStatus status) => Of(status, (StatusCode)status.Code, cause: null);

    /// <summary>How a call or a stream ended.</summary>
    public static CallFault Of(RpcException exception)
    {
        if (exception.GetRpcStatus() is { } status && status.GetDetail<ErrorInfo>() is not null)
            return Of(status, exception.StatusCode, exception);
        // The client's own: a credential that could not be read.
        if (CausesOf(exception).OfType<AgentBudgetException>().FirstOrDefault() is { } own) return own.Fault;
        if (CertificateFaultOf(exception) is { } certificate) return TlsFault(certificate, exception);
        // The service did not speak: a connection that failed or was cut, or something between it and us.
        bool isRetryable = exception.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded
            or StatusCode.Internal or StatusCode.Cancelled or StatusCode.Unknown or StatusCode.Aborted;
        return new CallFault(
            exception.StatusCode, Reason: "", SentenceOf(exception), isRetryable, MayHaveHadEffect: isRetryable)
        {
            Cause = exception,
        };
    }

    private static CallFault TlsFault(string certificate, RpcException exception)
    {
        CallFault fault = Local(
            StatusCode.Unavailable,
            $"TLS to the service failed: {certificate} Check the address, and the authorities that are trusted.");
        return fault with { Cause = exception };
    }

    private static CallFault Of(RpcStatus status, StatusCode code, Exception? cause)
    {
        string reason = status.GetDetail<ErrorInfo>()?.Reason ?? "";
        TimeSpan? retryAfter = status.GetDetail<RetryInfo>()?.RetryDelay?.ToTimeSpan();
        bool isRetryable = !NamesBound(status) && (retryAfter is not null
            || reason is "NOT_READY" or "OUTCOME_UNKNOWN" or "STORE_FULL" or "DRAINING" or "MESSAGE_LATE"
                or "DEADLINE_PASSED" or "CALLER_GAVE_UP" or Defect or EdgeDefect
            || (reason.Length == 0 && code == StatusCode.Unavailable));
        bool mayHaveHadEffect = reason is "OUTCOME_UNKNOWN" or "DEADLINE_PASSED" or "CALLER_GAVE_UP" or EdgeDefect;
        return new CallFault(code, reason, status.Message, isRetryable, mayHaveHadEffect)
        {
            RetryAfter = retryAfter,
            FieldFaults =
            [
                .. status.GetDetail<BadRequest>()?.FieldViolations
                    .Select(violation => new FieldFault(violation.Field, violation.Description)) ?? [],
            ],
            Cause = cause,
        };
    }

    // A bound with a name is full of what its callers opened: it has room when they end some of it, which the caller
    // has to know and cannot wait for. One without a name is a queue, which has room again by itself.
    private static bool NamesBound(RpcStatus status) =>
        status.GetDetail<QuotaFailure>() is { Violations.Count: > 0 };

    // A certificate that is wrong stays wrong, so nobody should wait for it.
    private static string? CertificateFaultOf(RpcException exception) =>
        CausesOf(exception).OfType<AuthenticationException>().FirstOrDefault()?.Message;

    // The library says that a call failed, and its innermost cause why: "Connection refused".
    private static string SentenceOf(RpcException exception)
    {
        string detail = exception.Status.Detail;
        return CausesOf(exception).LastOrDefault()?.Message is { } cause
            && !detail.Contains(cause, StringComparison.Ordinal)
                ? $"{detail} {cause}"
                : detail;
    }

    private static IEnumerable<Exception> CausesOf(RpcException exception)
    {
        Exception? cause = exception.Status.DebugException ?? exception.InnerException;
        for (; cause is not null; cause = cause.InnerException) yield return cause;
    }

    private string Sentence() =>
        $"{(Reason.Length > 0 ? $"{StatusCode} ({Reason})" : StatusCode.ToString())}: {Message}";
}
