using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Gateway.Sessions;

/// <summary>The session that a call spends in, for as long as the call takes.</summary>
/// <param name="token">Its token.</param>
/// <param name="session">Its name, as the token says it.</param>
/// <param name="agent">Its tenant and agent, likewise.</param>
/// <param name="onEnd">Told when the call has ended.</param>
internal sealed class SessionUse(string token, string session, string agent, Action onEnd) : IDisposable
{
    private Action? _onEnd = onEnd;

    public string Token { get; } = token;

    public string Session { get; } = session;

    public string Agent { get; } = agent;

    public void Dispose() => Interlocked.Exchange(ref _onEnd, null)?.Invoke();
}

/// <summary>
/// The sessions that the gateway opened for callers that show a credential: one for each credential, use case, user,
/// conversation and set of tags. A session that nobody used for a while ends.
/// </summary>
internal sealed partial class SessionBook : IAsyncDisposable
{
    private readonly AgentBudgetClient _client;
    private readonly TimeSpan _idle;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SharedBound _room;
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _sweeping;

    public SessionBook(
        AgentBudgetClient client, TimeSpan idle, int sessionsMax, TimeProvider time, ILogger logger)
    {
        _room = new SharedBound(sessionsMax);
        _client = client;
        _idle = idle;
        _time = time;
        _logger = logger;
        _sweeping = SweepAsync();
    }

    /// <summary>Sessions that are kept now.</summary>
    public int Count => _entries.Count;

    /// <summary>The session of a call.</summary>
    public async Task<SessionUse> TakeAsync(CallerKey key, CallerContext context, CancellationToken cancellation)
    {
        if (key.Session is { } named)
        {
            if (context.Session.Length > 0 && context.Session != named)
                throw new CallRefusedException(
                    RefusalKind.Unauthenticated,
                    $"{CallerContext.SessionHeader} names another session than the token. Leave it out.");
            return new SessionUse(key.Text, named, key.Agent, static () => { });
        }

        if (context.UseCase.Length == 0)
            throw new CallRefusedException(
                RefusalKind.Invalid,
                $"A credential needs to say what for: send {CallerContext.UseCaseHeader}, or /u/USE-CASE before /v1 in "
                + "the base URL; or send a session's token.");
        string id = IdOf(key, context);
        while (true)
        {
            Entry entry = EntryOf(id, key);
            if (!entry.TryUse()) continue; // It was just ended; the next one is new.
            try
            {
                entry.TakeRoom(_room, key.Text);
                BudgetSession session = await entry.OpenAsync(Request(context)).WaitAsync(cancellation);
                if (context.Session.Length > 0 && context.Session != session.Name)
                    throw new CallRefusedException(
                        RefusalKind.Unauthenticated,
                        $"{CallerContext.SessionHeader} names another session than this conversation's.");
                return new SessionUse(
                    session.Token,
                    session.Name,
                    CallerKey.OfText(session.Token).Agent,
                    () => entry.EndUse(_time.GetTimestamp()));
            }
            catch
            {
                entry.EndUse(_time.GetTimestamp());
                if (entry.HasFailed) Remove(id, entry);
                throw;
            }
        }
    }

    /// <summary>The session of a call that costs nothing, which must live all the same.</summary>
    public async Task<SessionUse> TakeLiveAsync(HttpRequest request, CancellationToken cancellation)
    {
        SessionUse spender = await TakeAsync(CallerKey.Of(request), CallerContext.Of(request), cancellation);
        try
        {
            GetSessionResponse answer = await _client.GetSessionAsync(
                new GetSessionRequest { SessionToken = spender.Token }, cancellation);
            Session.Types.State state = answer.Session.State;
            if (state is Session.Types.State.Open or Session.Types.State.Suspended) return spender;
            throw new CallRefusedException(
                RefusalKind.Unauthenticated, $"{answer.Session.Session_} is {state.ToString().ToLowerInvariant()}.");
        }
        catch
        {
            spender.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Says that a session is over, so that the conversation's next call opens another. Not for one that was
    /// revoked: it stays refused until it would have ended.
    /// </summary>
    public void Forget(string session)
    {
        foreach ((string id, Entry entry) in _entries)
        {
            if (entry.Name == session) Remove(id, entry);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _sweeping;
        Task[] ends = [.. _entries.Values.Select(entry => entry.EndAsync())];
        _entries.Clear();
        await Task.WhenAll(ends);
        _stopping.Dispose();
    }

    // Of callers that come at once, one brings the client that all use, and those of the others are closed.
    private Entry EntryOf(string id, CallerKey key)
    {
        if (_entries.TryGetValue(id, out Entry? known)) return known;
        Entry made = new(_client.For(key.Text)), entry = _entries.GetOrAdd(id, made);
        if (entry != made) _ = made.EndAsync();
        return entry;
    }

    private static string IdOf(CallerKey key, CallerContext context)
    {
        string text = string.Join('\n', [
            key.Text, context.Agent, context.UseCase, context.User, context.Conversation,
            .. context.Tags.Select(tag => $"{tag.Key}={tag.Value}"),
        ]);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    private static OpenSessionRequest Request(CallerContext context)
    {
        OpenSessionRequest request = new()
        {
            Agent = context.Agent,
            UseCase = context.UseCase,
            OnBehalfOf = context.User,
            Unattended = context.User.Length == 0,
            Task = "gateway",
        };
        foreach ((string name, string value) in context.Tags) request.Tags[name] = value;
        return request;
    }

    private void Remove(string id, Entry entry)
    {
        if (_entries.TryRemove(new KeyValuePair<string, Entry>(id, entry))) _ = entry.EndAsync();
    }

    private async Task SweepAsync()
    {
        using PeriodicTimer timer = new(_idle / 4, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                foreach ((string id, Entry entry) in _entries)
                {
                    if (!entry.TryRetire(_time, _idle)) continue;
                    Remove(id, entry);
                    Log.Ended(_logger, entry.Name);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The gateway stops.
        }
    }

    private sealed class Entry(AgentBudgetClient client)
    {
        private readonly Lock _lock = new();
        private Task<BudgetSession>? _opening;
        private int _users;
        private long _lastUse;
        private bool _isRetired;
        private SharedBound? _room;
        private string _holder = "";

        // Without room it was never opened.
        public bool HasFailed => _room is null || _opening is { IsCompleted: true, IsCompletedSuccessfully: false };

        public string Name => _opening is { IsCompletedSuccessfully: true } open ? open.Result.Name : "";

        public bool TryUse()
        {
            lock (_lock)
            {
                if (_isRetired) return false;
                _users++;
                return true;
            }
        }

        /// <summary>Takes room for the session, once, to be given back with its end.</summary>
        public void TakeRoom(SharedBound room, string holder)
        {
            lock (_lock)
            {
                if (_room is not null) return;
                if (_isRetired) throw Ending();
                string full = room.TryTake(holder) switch
                {
                    Room.Taken => "",
                    Room.ShareIsFull => "This credential has as many sessions as the gateway keeps of one.",
                    Room.AllIsFull => "The gateway keeps as many sessions as it may.",
                };
                if (full.Length > 0)
                    throw new CallRefusedException(
                        RefusalKind.Busy, $"{full} Use fewer conversations, or try again when some have been idle.");
                (_room, _holder) = (room, holder);
            }
        }

        public void EndUse(long now)
        {
            lock (_lock)
            {
                _users--;
                _lastUse = now;
            }
        }

        // Not cancelled with a call: others wait for the same session.
        public Task<BudgetSession> OpenAsync(OpenSessionRequest request)
        {
            lock (_lock)
            {
                if (_isRetired) throw Ending();
                return _opening ??= client.StartSessionAsync(request, CancellationToken.None);
            }
        }

        public bool TryRetire(TimeProvider time, TimeSpan idle)
        {
            lock (_lock)
            {
                if (_users > 0 || time.GetElapsedTime(_lastUse) < idle) return false;
                return _isRetired = true;
            }
        }

        private static CallRefusedException Ending() => new(RefusalKind.Busy, "The session ends. Try again.");

        public async Task EndAsync()
        {
            lock (_lock)
            {
                _isRetired = true;
                _room?.GiveBack(_holder);
                _room = null;
            }

            try
            {
                if (_opening is not null) await (await _opening).DisposeAsync();
            }
            catch (AgentBudgetException)
            {
                // It was never opened; whoever asked for it was told.
            }

            await client.DisposeAsync();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "{Session} was idle and ends")]
        public static partial void Ended(ILogger logger, string session);
    }
}
