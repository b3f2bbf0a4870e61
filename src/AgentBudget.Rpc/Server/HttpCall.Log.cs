using Microsoft.Extensions.Logging;

namespace AgentBudget.Rpc.Server;

internal sealed partial class HttpCall
{
    internal static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "The handler of {Method} failed; its caller sees INTERNAL")]
        internal static partial void HandlerFailed(ILogger logger, Exception failure, string method);

        [LoggerMessage(2, LogLevel.Debug, "{Method} answers {Code}")]
        internal static partial void CallFailed(ILogger logger, string method, RpcStatusCode code);

        [LoggerMessage(3, LogLevel.Debug, "The caller of {Method} left before its message was whole")]
        internal static partial void CallerLeft(ILogger logger, string method);

        [LoggerMessage(4, LogLevel.Debug, "The error of {Method} came too late to be sent")]
        internal static partial void AnswerFailed(ILogger logger, Exception failure, string method);
    }
}
