using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Gateway.Sessions;

/// <summary>
/// Watches the sessions that stream now, one stream of the service for each session however many calls it has, and says
/// when one may spend no longer.
/// </summary>
internal sealed partial class SessionWatch(AgentBudgetClient client, ILogger logger) : IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Watched> _watched = new(StringComparer.Ordinal);

    /// <summary>Watches a session for a call; disposed, for it no longer.</summary>
    public Lease Watch(string token, string session)
    {
        lock (_lock)
        {
            if (!_watched.TryGetValue(session, out Watched? watched))
            {
                watched = new Watched();
                _watched.Add(session, watched);
                watched.Running = RunAsync(watched, token, session);
            }

            watched.Users++;
            return new Lease(this, session, watched);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Watched[] all;
        lock (_lock) all = [.. _watched.Values];
        foreach (Watched watched in all) await watched.End.CancelAsync();
        await Task.WhenAll(all.Select(watched => watched.Running));
    }

    private async Task RunAsync(Watched watched, string token, string session)
    {
        await Task.Yield(); // Not under the lock.
        try
        {
            WatchSessionRequest request = new() { SessionToken = token };
            await foreach (WatchSessionResponse told in client.WatchSessionAsync(request, watched.End.Token))
            {
                if (told.Session.State == Session.Types.State.Open) continue;
                watched.Why = told.Session;
                await watched.Over.CancelAsync();
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // No call streams any more.
        }
        catch (AgentBudgetException fault)
        {
            // What cannot be watched is cut: nobody could stop it.
            Log.NotWatched(logger, session, fault.Message);
            await watched.Over.CancelAsync();
        }
        finally
        {
            lock (_lock)
            {
                if (_watched.GetValueOrDefault(session) == watched) _watched.Remove(session);
            }
        }
    }

    private void Leave(string session, Watched watched)
    {
        lock (_lock)
        {
            if (--watched.Users > 0) return;
            if (_watched.GetValueOrDefault(session) == watched) _watched.Remove(session);
        }

        watched.End.Cancel();
    }

    /// <summary>One call's part in the watching.</summary>
    internal sealed class Lease(SessionWatch owner, string session, Watched watched) : IDisposable
    {
        private int _isLeft;

        /// <summary>Cancelled when the session may spend no longer.</summary>
        public CancellationToken Over => watched.Over.Token;

        /// <summary>Why it may not.</summary>
        public CallRefusedException Refusal() => watched.Why switch
        {
            { State: Session.Types.State.Suspended } why => new CallRefusedException(
                RefusalKind.Money, $"{why.Session_} is suspended, so its stream was cut: {why.Reason}")
            { Reason = "SESSION_SUSPENDED" },
            { } why => new CallRefusedException(
                RefusalKind.Unauthenticated,
                $"{why.Session_} is {why.State.ToString().ToLowerInvariant()}, so its stream was cut. {why.Reason}")
            { Reason = $"SESSION_{why.State.ToString().ToUpperInvariant()}" },
            null => new CallRefusedException(
                RefusalKind.Unavailable, "The session could not be watched, so its stream was cut."),
        };

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isLeft, 1) == 0) owner.Leave(session, watched);
        }
    }

    /// <summary>A session that is watched. Its sources have no timers, so nothing is to be disposed.</summary>
    internal sealed class Watched
    {
        public CancellationTokenSource End { get; } = new();

        public CancellationTokenSource Over { get; } = new();

        public Task Running { get; set; } = Task.CompletedTask;

        public Session? Why { get; set; }

        public int Users { get; set; }
    }

    private static partial class Log
    {
        [LoggerMessage(2, LogLevel.Warning, "{Session} cannot be watched, so its streams are cut: {Detail}")]
        public static partial void NotWatched(ILogger logger, string session, string detail);
    }
}
