using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Edge;

/// <summary>
/// Sees to it that a closed connection ends. Kestrel serves a connection until each of its streams has ended, but when
/// it cuts one for its full queue of output (rapid reset), it forgets the streams that found no room in that queue and
/// waits for them for ever: the connection keeps its place among those that are allowed, and attackers could take all
/// places. So this waits beside it, and lets go of what is closed and does not end.
/// </summary>
internal sealed partial class ConnectionEnds(TimeProvider time, ILogger logger)
{
    // Calls are told at once that their connection is closed and need milliseconds to end; a store that is slow to say
    // what it did takes longer, and whoever let go of the connection does not read that answer.
    internal static readonly TimeSpan EndGrace = TimeSpan.FromSeconds(5);

    private int _open;

    /// <summary>Connections that have a place: being served, or closed and not let go of.</summary>
    internal int Open => Volatile.Read(ref _open);

    /// <summary>Puts this around what serves a connection.</summary>
    internal ConnectionDelegate Around(ConnectionDelegate serve) => connection => ServeAsync(serve, connection);

    private async Task ServeAsync(ConnectionDelegate serve, ConnectionContext connection)
    {
        Interlocked.Increment(ref _open);
        try
        {
            Task serving = serve(connection);
            TaskCompletionSource closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
            await using CancellationTokenRegistration closing = connection.ConnectionClosed.UnsafeRegister(
                static source => ((TaskCompletionSource)source!).TrySetResult(), closed);
            await Task.WhenAny(serving, closed.Task);
            if (await EndsAsync(serving))
                await serving;
            else
                Log.LetGo(logger, connection.ConnectionId);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }

    private async Task<bool> EndsAsync(Task serving)
    {
        if (serving.IsCompleted)
            return true;
        using CancellationTokenSource ended = new();
        Task first = await Task.WhenAny(serving, Task.Delay(EndGrace, time, ended.Token));
        await ended.CancelAsync();
        return first == serving;
    }

    private static partial class Log
    {
        [LoggerMessage(7, LogLevel.Debug, "The closed connection {Connection} does not end and is let go of")]
        internal static partial void LetGo(ILogger logger, string connection);
    }
}
