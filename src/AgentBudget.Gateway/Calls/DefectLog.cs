using Microsoft.Extensions.Logging;

namespace AgentBudget.Gateway.Calls;

/// <summary>
/// Logs what a caller met and nobody expected. Whoever finds how to bring it about can do it a thousand times a second:
/// one line a second is written, and says how many were not. Safe for any thread.
/// </summary>
internal sealed partial class DefectLog(ILogger logger, TimeProvider time)
{
    private readonly Lock _gate = new();
    private long _second;
    private long _unwritten;

    /// <summary>Writes a line, unless there was one within this second.</summary>
    public void Write(string what, Exception failure)
    {
        if (TryTake(out long unwritten)) Log.Failed(logger, failure, what, unwritten);
    }

    private bool TryTake(out long unwritten)
    {
        long second = time.GetUtcNow().ToUnixTimeSeconds();
        lock (_gate)
        {
            bool isFirst = _second != second;
            _second = second;
            unwritten = isFirst ? _unwritten : 0;
            _unwritten = isFirst ? 0 : _unwritten + 1;
            return isFirst;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            9, LogLevel.Error, "{What} failed, which is a defect. {Unwritten} more were not logged before it")]
        public static partial void Failed(ILogger logger, Exception failure, string what, long unwritten);
    }
}
