using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Approvals;

/// <summary>WatchExtensionRequest: one request, until it is answered.</summary>
internal sealed class WatchExtensionRequest(ApiContext context, ExtensionRequests requests)
{
    internal async Task HandleAsync(
        WatchExtensionRequestRequest request,
        IServerStreamWriter<WatchExtensionRequestResponse> responses,
        ApiCall call)
    {
        FieldFaults faults = default;
        ExtensionRequests.CheckName(ref faults, request.ExtensionRequest);
        bool isOfSession =
            request.SessionToken.Length > 0 || CallerScope.CallerOf(call).Reach == Reach.Token;
        SessionPlace place = isOfSession
            ? context.Callers.SessionOf(call, request.SessionToken, ref faults)
            : new SessionPlace(context.Callers.TenantOf(call), 0);
        faults.ThrowIfAny();
        // A session that is not there is told as in every other method, before what it might have asked.
        if (isOfSession)
            await context.SubmitAsync(place, new SessionQuery(place.Number));
        ExtensionSight? sight = isOfSession
            ? new ExtensionSight(Session: Names.Session(place.Number))
            : ExtensionRequests.SightOf(call);
        try
        {
            await WatchAsync(place.Tenant, request.ExtensionRequest, sight, responses, call.Cancellation);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }

    // What is read is no older than where the reading of events starts, so the answer is missed by neither.
    private async Task WatchAsync(
        string tenant,
        string name,
        ExtensionSight? sight,
        IServerStreamWriter<WatchExtensionRequestResponse> responses,
        CancellationToken cancellation)
    {
        long sequence = await context.Host.DurableSequenceAsync(tenant, cancellation);
        ExtensionRequest told = await requests.ReadAsync(tenant, name, sight);
        await responses.WriteAsync(new WatchExtensionRequestResponse { ExtensionRequest = told }, cancellation);
        if (told.State != ExtensionState.Pending)
            return;
        await foreach (IReadOnlyList<LedgerEvent> events in context.Host.WatchAsync(tenant, sequence + 1, cancellation))
        {
            if (!events.Any(one => IsAnswer(one, name)))
                continue;
            told = await requests.ReadAsync(tenant, name, sight);
            await responses.WriteAsync(new WatchExtensionRequestResponse { ExtensionRequest = told }, cancellation);
            return;
        }

        cancellation.ThrowIfCancellationRequested(); // Its caller or session is no longer one.
        // The ledger has no end, so the service is stopping: the caller watches again elsewhere or later.
        throw new TenantException(TenantFault.NotReady, "the service is stopping");
    }

    private static bool IsAnswer(LedgerEvent one, string name) =>
        one.ExtensionDecided is { } decided && Names.ExtensionRequest(decided.ExtensionRequest) == name;
}
