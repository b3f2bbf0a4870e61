using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Sessions;

/// <summary>WatchSession: a session's state and what is left on its path, until it ends.</summary>
internal sealed class WatchSession(ApiContext context, TimeProvider time)
{
    /// <summary>
    /// How long changes of a busy tenant are gathered before the session is looked at again. Its end is told within a
    /// second, whatever its tenant does.
    /// </summary>
    internal static readonly TimeSpan GatherTime = TimeSpan.FromMilliseconds(200);

    internal async Task HandleAsync(
        WatchSessionRequest request, IServerStreamWriter<WatchSessionResponse> responses, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = context.Callers.SessionOf(call, request.SessionToken, request.Session, ref faults);
        faults.ThrowIfAny();
        try
        {
            await FollowAsync(place, responses, call.Cancellation);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }

    private async Task FollowAsync(
        SessionPlace place, IServerStreamWriter<WatchSessionResponse> responses, CancellationToken cancellationToken)
    {
        // Looked at after this sequence, so nothing that comes behind it is missed.
        long seen = await context.Host.DurableSequenceAsync(place.Tenant, cancellationToken);
        WatchSessionResponse told = await LookAsync(place);
        await responses.WriteAsync(told, CancellationToken.None);
        await using IAsyncEnumerator<IReadOnlyList<LedgerEvent>> batches =
            context.Host.WatchAsync(place.Tenant, seen + 1, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (IsLive(told.Session))
        {
            if (!await batches.MoveNextAsync())
                throw ErrorMap.Of(new TenantException(TenantFault.NotReady, "the service is stopping"));
            if (batches.Current[^1].Sequence <= seen)
                continue;
            await Task.Delay(GatherTime, time, cancellationToken);
            seen = await context.Host.DurableSequenceAsync(place.Tenant, cancellationToken);
            WatchSessionResponse now = await LookAsync(place);
            if (!now.Equals(told))
                await responses.WriteAsync(now, CancellationToken.None);
            told = now;
        }
    }

    private async ValueTask<WatchSessionResponse> LookAsync(SessionPlace place)
    {
        Answer found = await context.SubmitAsync(place, new SessionQuery(place.Number));
        WatchSessionResponse now = new() { Session = ((GetSessionResponse)found.View!).Session };
        if (!IsLive(now.Session))
            return now;
        Answer balance = await context.SubmitAsync(place.Tenant, new BalanceQuery(place.Number, ""));
        now.Grains.Add(((GetBalanceResponse)balance.View!).Grains);
        return now;
    }

    private static bool IsLive(Session session) =>
        session.State is Session.Types.State.Open or Session.Types.State.Suspended;
}
