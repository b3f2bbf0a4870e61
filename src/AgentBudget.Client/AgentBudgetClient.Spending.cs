using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Client;

/// <content>The calls that spend. Each travels over a shared stream.</content>
public sealed partial class AgentBudgetClient
{
    /// <summary>Decides whether a model call may be made and holds its greatest cost.</summary>
    /// <remarks>
    /// A caller that gives up a reserve that was sent leaves no hold behind: where it is granted all the same, the
    /// client releases it.
    /// </remarks>
    /// <param name="request">What to reserve; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up.</param>
    /// <returns>The decision. A refusal is one, with its reason in numbers.</returns>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task<ReserveTokensResponse> ReserveAsync(
        ReserveTokensRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        (ReserveTokensRequest sent, string id) = _ids.Complete(request);
        return (await _pool.CallAsync(new SpendItem { Reserve = sent }, id, cancellation)).Reserve;
    }

    /// <summary>Settles what a call really used and returns the rest of its hold.</summary>
    /// <param name="request">What was used; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up. The commit may have its effect all the same.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task<CommitTokensResponse> CommitAsync(
        CommitTokensRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        (CommitTokensRequest sent, string id) = _ids.Complete(request);
        return (await _pool.CallAsync(new SpendItem { Commit = sent }, id, cancellation)).Commit;
    }

    /// <summary>Returns a hold whose call was never made.</summary>
    /// <param name="request">The hold; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up. The release may have its effect all the same.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task<ReleaseTokensResponse> ReleaseAsync(
        ReleaseTokensRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        (ReleaseTokensRequest sent, string id) = _ids.Complete(request);
        return (await _pool.CallAsync(new SpendItem { Release = sent }, id, cancellation)).Release;
    }

    /// <summary>Changes a hold in one step: another model, another estimate, a later expiry.</summary>
    /// <param name="request">The change; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up. The change may have its effect all the same.</param>
    /// <returns>The decision. Denied, the old hold stands as it was.</returns>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task<AmendReservationResponse> AmendAsync(
        AmendReservationRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        (AmendReservationRequest sent, string id) = _ids.Complete(request);
        return (await _pool.CallAsync(new SpendItem { Amend = sent }, id, cancellation)).Amend;
    }

    /// <summary>Lets a hold stand longer and changes nothing else of it: for a long answer that streams.</summary>
    /// <param name="reservationId">The hold.</param>
    /// <param name="sessionToken">Its session's token; empty where the client's credential is one.</param>
    /// <param name="ttl">How long it stands from now on, 1 s to 24 h.</param>
    /// <param name="cancellation">Gives the call up.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public Task<AmendReservationResponse> ExtendHoldAsync(
        string reservationId, string sessionToken, TimeSpan ttl, CancellationToken cancellation = default) =>
        AmendAsync(
            new AmendReservationRequest
            {
                ReservationId = reservationId,
                SessionToken = sessionToken,
                Ttl = Duration.FromTimeSpan(ttl),
            },
            cancellation);

    /// <summary>Decides a cost that is not tokens and, allowed, charges it at once.</summary>
    /// <param name="request">The cost; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up. The cost may be charged all the same.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task<RecordCostResponse> RecordCostAsync(
        RecordCostRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        (RecordCostRequest sent, string id) = _ids.Complete(request);
        return (await _pool.CallAsync(new SpendItem { RecordCost = sent }, id, cancellation)).RecordCost;
    }

    /// <summary>Decides whether a session may call a tool.</summary>
    /// <param name="request">The tool; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task<AuthorizeToolResponse> AuthorizeToolAsync(
        AuthorizeToolRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        (AuthorizeToolRequest sent, string id) = _ids.Complete(request);
        return (await _pool.CallAsync(new SpendItem { AuthorizeTool = sent }, id, cancellation)).AuthorizeTool;
    }

    /// <summary>
    /// Reserves, and answers a scope that settles what was used when it is disposed, or releases the hold where nothing
    /// was: <c>await using BudgetScope scope = await client.BeginScopeAsync(request, cancellation);</c>.
    /// </summary>
    /// <param name="request">What to reserve; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the reserve up; no hold is left.</param>
    /// <returns>The scope, also of a refusal: see <see cref="BudgetScope.IsAllowed"/>.</returns>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public async Task<BudgetScope> BeginScopeAsync(
        ReserveTokensRequest request, CancellationToken cancellation = default)
    {
        ReserveTokensResponse answer = await ReserveAsync(request, cancellation);
        return new BudgetScope(this, request.SessionToken, answer, _loggers);
    }
}
