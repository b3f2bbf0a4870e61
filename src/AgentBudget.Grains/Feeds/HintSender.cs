using AgentBudget.Grains.Abstractions;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace AgentBudget.Grains.Feeds;

/// <summary>
/// Sends this silo's hints, until the silo stops: the grains that carry them leave with it, and a hint to one of them
/// would be an error in the log for nothing. Thread-safe.
/// </summary>
internal sealed partial class HintSender(ILogger<HintSender> logger)
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _underWay;
    private bool _isStopped;

    /// <summary>Tells how far a ledger has grown. Does not throw: a lost hint costs its reader time only.</summary>
    internal async Task SendAsync(IAsyncStream<LedgerHint> stream, long durableSequence)
    {
        lock (_gate)
        {
            if (_isStopped) return;
            _underWay++;
        }

        try
        {
            await stream.OnNextAsync(new LedgerHint(durableSequence));
        }
        catch (Exception fault)
        {
            Log.HintLost(logger, stream.StreamId, fault);
        }
        finally
        {
            lock (_gate)
            {
                if (--_underWay == 0 && _isStopped) _idle.TrySetResult();
            }
        }
    }

    /// <summary>Sends no more; completes when none is under way.</summary>
    internal Task StopAsync()
    {
        lock (_gate)
        {
            _isStopped = true;
            if (_underWay == 0) _idle.TrySetResult();
        }

        return _idle.Task;
    }

    private static partial class Log
    {
        [LoggerMessage(3311, LogLevel.Debug, "A hint of stream {Stream} was lost")]
        public static partial void HintLost(ILogger logger, StreamId stream, Exception fault);
    }
}
