using Microsoft.Extensions.Logging;

namespace AgentBudget.Api.Edge;

/// <summary>
/// Logs what a caller met and nobody expected. Whoever finds how to bring it about can do it a thousand times a second:
/// one line for each source and second is written, and says how many were not. Safe for any thread.
/// </summary>
internal sealed partial class DefectLog(ILogger<DefectLog> logger, TimeProvider time)
{
    /// <summary>Sources that are told apart within a second; more of them share one line.</summary>
    internal const int SourcesMax = 1_000;

    private readonly Lock _gate = new();
    private readonly HashSet<string> _sources = new(StringComparer.Ordinal);
    private long _second;
    private long _unwritten;

    /// <summary>Writes a line, unless the source has had one within this second.</summary>
    internal void Write(string source, string what, Exception failure)
    {
        if (TryTake(source, out long unwritten))
            Log.Failed(logger, failure, what, unwritten);
    }

    private bool TryTake(string source, out long unwritten)
    {
        long second = time.GetUtcNow().ToUnixTimeSeconds();
        lock (_gate)
        {
            if (_second != second)
            {
                _second = second;
                _sources.Clear();
            }

            bool isFirst = _sources.Add(_sources.Count < SourcesMax ? source : "");
            unwritten = isFirst ? _unwritten : 0;
            _unwritten = isFirst ? 0 : _unwritten + 1;
            return isFirst;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            1, LogLevel.Error, "{What} failed, which is a defect. {Unwritten} more were not logged before it")]
        internal static partial void Failed(ILogger logger, Exception failure, string what, long unwritten);
    }
}
