using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Client;

/// <summary>
/// A session from its start to its end. Its token is renewed in time by itself, up to the session's lifetime; disposed,
/// the session ends, with the outcome that <see cref="EndAsync"/> was given or without one.
/// </summary>
public sealed partial class BudgetSession : IAsyncDisposable
{
    /// <summary>The part of a token's life after which it is renewed.</summary>
    private const double RenewalPart = 0.6;

    private static readonly TimeSpan RenewalPauseMin = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan RenewalPauseMax = TimeSpan.FromHours(12);

    private readonly AgentBudgetClient _client;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _over = new();
    private readonly Task _renewing;
    private readonly Duration _ttl;
    private volatile string _token;
    private volatile Session _session;
    private volatile AgentBudgetException? _renewalFault;
    private int _isEnded;

    internal BudgetSession(
        AgentBudgetClient client, OpenSessionResponse opened, TimeProvider time, ILoggerFactory loggers)
    {
        _client = client;
        _time = time;
        _logger = loggers.CreateLogger<BudgetSession>();
        _token = opened.SessionToken;
        _session = opened.Session;
        _ttl = opened.Session.ExpireTime - opened.Session.OpenTime;
        _renewing = RenewInTimeAsync();
    }

    /// <summary>The token to spend with now. Read it for each call: a renewal replaces it.</summary>
    public string Token => _token;

    /// <summary>The session's resource name, <c>sessions/…</c>.</summary>
    public string Name => _session.Session_;

    /// <summary>The session as it was opened, or as the last renewal answered it.</summary>
    public Session Session => _session;

    /// <summary>
    /// Why the token is renewed no longer: the session was ended by somebody else, or its lifetime is used up. Null
    /// while it is renewed.
    /// </summary>
    public AgentBudgetException? RenewalFault => _renewalFault;

    /// <summary>Renews the token now.</summary>
    /// <param name="cancellation">Gives the call up.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task RenewAsync(CancellationToken cancellation = default)
    {
        RenewSessionResponse renewed = await _client.RenewSessionAsync(
            new RenewSessionRequest { SessionToken = _token, Ttl = _ttl }, cancellation);
        _session = renewed.Session;
        _token = renewed.SessionToken;
    }

    /// <summary>Ends the session with how it went. Ended once, it has no effect again.</summary>
    /// <param name="outcome">How it went.</param>
    /// <param name="cancellation">Gives the call up. The session may end all the same.</param>
    /// <returns>The session as it ended.</returns>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task<Session> EndAsync(Outcome outcome, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        if (Interlocked.Exchange(ref _isEnded, 1) == 1) return _session;
        await StopRenewingAsync();
        try
        {
            EndSessionResponse ended = await _client.EndSessionAsync(
                new EndSessionRequest { SessionToken = _token, Outcome = outcome }, cancellation);
            return _session = ended.Session;
        }
        catch
        {
            Volatile.Write(ref _isEnded, 0); // Disposal tries once more.
            throw;
        }
    }

    /// <summary>
    /// Ends the session if it was not. Never throws: a session that could not be ended is logged and expires by itself.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await EndAsync(new Outcome());
        }
        catch (AgentBudgetException fault)
        {
            Log.NotEnded(_logger, Name, fault.Message);
        }
        finally
        {
            await StopRenewingAsync();
            _over.Dispose();
        }
    }

    private async Task StopRenewingAsync()
    {
        await _over.CancelAsync();
        await _renewing;
    }

    private async Task RenewInTimeAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(PauseBeforeRenewal(), _time, _over.Token);
                await RenewAsync(_over.Token);
                Log.Renewed(_logger, Name);
                if (_session.ExpireTime >= _session.LifetimeEndTime) return; // No renewal reaches further.
            }
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            // The session ends.
        }
        catch (AgentBudgetException fault)
        {
            _renewalFault = fault;
            Log.NotRenewed(_logger, Name, fault.Message);
        }
    }

    private TimeSpan PauseBeforeRenewal()
    {
        TimeSpan left = _session.ExpireTime.ToDateTimeOffset() - _time.GetUtcNow();
        TimeSpan pause = left * RenewalPart;
        return pause < RenewalPauseMin ? RenewalPauseMin : pause > RenewalPauseMax ? RenewalPauseMax : pause;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 31, Level = LogLevel.Debug, Message = "The token of {Session} was renewed.")]
        public static partial void Renewed(ILogger logger, string session);

        [LoggerMessage(
            EventId = 32, Level = LogLevel.Warning, Message = "The token of {Session} is renewed no longer: {Detail}")]
        public static partial void NotRenewed(ILogger logger, string session, string detail);

        [LoggerMessage(
            EventId = 33, Level = LogLevel.Error, Message = "{Session} could not be ended and will expire: {Detail}")]
        public static partial void NotEnded(ILogger logger, string session, string detail);
    }
}
