using Microsoft.Extensions.Logging;

namespace AgentBudget.Rpc.Server;

/// <summary>
/// Asks the guard again about the caller of one stream. It holds what it needs of the call, which may end meanwhile: an
/// answer that comes late reaches the cancellation of that call and no other.
/// </summary>
internal sealed partial class StreamReview(
    IRpcGuard guard,
    RpcMethod method,
    string? authorization,
    object? user,
    CallCancellation cancellation,
    ILogger logger) : IThreadPoolWorkItem
{
    internal void Start() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    void IThreadPoolWorkItem.Execute() => _ = ReviewAsync();

    private async Task ReviewAsync()
    {
        try
        {
            if (await guard.ReviewAsync(method, authorization, user) is not RpcException refusal)
                return;
            Log.Refused(logger, method.Path, refusal.StatusCode);
            cancellation.Refuse(refusal);
        }
        catch (Exception failure)
        {
            // A guard that cannot tell ends nothing: the next review asks again.
            Log.ReviewFailed(logger, failure, method.Path);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Debug, "A stream of {Method} ends: its caller may no longer call ({Status})")]
        internal static partial void Refused(ILogger logger, string method, RpcStatusCode status);

        [LoggerMessage(6, LogLevel.Error, "The caller of a stream of {Method} could not be reviewed")]
        internal static partial void ReviewFailed(ILogger logger, Exception failure, string method);
    }
}
