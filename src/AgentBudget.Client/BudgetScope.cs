using AgentBudget.Protocol.V1;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Client;

/// <summary>
/// One hold from its reserve to its end. Disposed, it settles what <see cref="Use(TokenUsage)"/> said was used, or
/// releases the hold where nothing was said: after an exception, a cancellation, an early return.
/// </summary>
/// <remarks>
/// Disposal never throws, so that it hides no exception of the call inside. Where the settlement fails in spite of all
/// retries it is logged as an error, <see cref="SettlementFault"/> says so, and the hold ends by its own expiry.
/// For one call at a time; not for use by several threads at once.
/// </remarks>
public sealed partial class BudgetScope : IAsyncDisposable
{
    private readonly AgentBudgetClient _client;
    private readonly string _sessionToken;
    private readonly ILogger _logger;
    private CommitTokensRequest? _used;
    private bool _isSettled;

    internal BudgetScope(
        AgentBudgetClient client, string sessionToken, ReserveTokensResponse answer, ILoggerFactory loggers)
    {
        _client = client;
        _sessionToken = sessionToken;
        _logger = loggers.CreateLogger<BudgetScope>();
        Answer = answer;
        Reservation = answer.Reservation;
    }

    /// <summary>What the reserve was answered.</summary>
    public ReserveTokensResponse Answer { get; }

    /// <summary>Whether the call may be made.</summary>
    public bool IsAllowed => Answer.Decision is Decision.Allow or Decision.AllowDowngraded;

    /// <summary>Why not; null where it may.</summary>
    public Denial? Denial => Answer.Denial;

    /// <summary>The hold as it is now; null for a refusal and for a dry run.</summary>
    public Reservation? Reservation { get; private set; }

    /// <summary>The model to call: the requested one, or the cheaper one of a downgrade; empty if refused.</summary>
    public string Model => Reservation?.Model ?? "";

    /// <summary>Why the hold could not be settled or released; null where it was.</summary>
    public AgentBudgetException? SettlementFault { get; private set; }

    private bool HasHold => Reservation is { ReservationId.Length: > 0 };

    /// <summary>Throws where the call may not be made.</summary>
    /// <exception cref="BudgetDeniedException">The budget refused.</exception>
    public void EnsureAllowed()
    {
        if (!IsAllowed) throw new BudgetDeniedException(Answer.Denial ?? new Denial());
    }

    /// <summary>Says what the call used so far. The last word counts; it is settled when the scope ends.</summary>
    /// <param name="usage">All that the call used.</param>
    public void Use(TokenUsage usage)
    {
        ArgumentNullException.ThrowIfNull(usage);
        _used = new CommitTokensRequest { Usage = usage };
    }

    /// <summary>Says what the call used, as its provider reports it.</summary>
    /// <param name="report">The provider's own report.</param>
    public void Use(ProviderUsage report)
    {
        ArgumentNullException.ThrowIfNull(report);
        _used = new CommitTokensRequest { ProviderUsage = report };
    }

    /// <summary>
    /// Says what the call used with everything that a commit can say; its reservation, token and id are the scope's.
    /// </summary>
    /// <param name="usage">The commit to make.</param>
    public void Use(CommitTokensRequest usage)
    {
        ArgumentNullException.ThrowIfNull(usage);
        _used = usage.Clone();
    }

    /// <summary>Changes the hold: a fallback to another model, a longer answer, a later expiry.</summary>
    /// <param name="change">The change; its reservation and token are the scope's.</param>
    /// <param name="cancellation">Gives the call up.</param>
    /// <exception cref="AgentBudgetException">The call has no answer; the hold may have changed.</exception>
    public async Task<AmendReservationResponse> AmendAsync(
        AmendReservationRequest change, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        EnsureHold();
        AmendReservationRequest request = change.Clone();
        request.ReservationId = Reservation!.ReservationId;
        request.SessionToken = _sessionToken;
        AmendReservationResponse answer = await _client.AmendAsync(request, cancellation);
        if (answer.Reservation is { } changed) Reservation = changed;
        return answer;
    }

    /// <summary>Settles now what was used, and answers what it cost. Nothing is left to the disposal then.</summary>
    /// <param name="cancellation">Gives the call up; the disposal settles again, which has one effect.</param>
    /// <exception cref="InvalidOperationException">Nothing was said to be used, or there is no hold.</exception>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task<CommitTokensResponse> CommitAsync(CancellationToken cancellation = default)
    {
        EnsureHold();
        if (_used is null) throw new InvalidOperationException("Say with Use what was used before it is committed.");
        CommitTokensResponse answer = await _client.CommitAsync(Commit(_used), cancellation);
        _isSettled = true;
        return answer;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_isSettled || !HasHold) return;
        _isSettled = true;
        string what = _used is null ? "released" : "settled";
        try
        {
            if (_used is not null) await _client.CommitAsync(Commit(_used), CancellationToken.None);
            else await ReleaseAsync();
        }
        catch (AgentBudgetException fault)
        {
            SettlementFault = fault;
            Log.NotSettled(_logger, Reservation!.ReservationId, what, fault.Message);
        }
    }

    private void EnsureHold()
    {
        if (!HasHold || _isSettled)
            throw new InvalidOperationException("The scope has no hold: it was refused, a dry run, or is settled.");
    }

    // The same id each time: a commit whose outcome is unknown and the disposal's are one.
    private CommitTokensRequest Commit(CommitTokensRequest used)
    {
        used.ReservationId = Reservation!.ReservationId;
        used.SessionToken = _sessionToken;
        if (used.RequestId.Length == 0) used.RequestId = _client.NextRequestId();
        return used;
    }

    private Task<ReleaseTokensResponse> ReleaseAsync() => _client.ReleaseAsync(
        new ReleaseTokensRequest
        {
            ReservationId = Reservation!.ReservationId,
            SessionToken = _sessionToken,
            Reason = "nothing was used",
        },
        CancellationToken.None);

    private static partial class Log
    {
        [LoggerMessage(
            EventId = 21,
            Level = LogLevel.Error,
            Message = "Reservation {Reservation} could not be {What} and stands until it expires: {Detail}")]
        public static partial void NotSettled(ILogger logger, string reservation, string what, string detail);
    }
}
