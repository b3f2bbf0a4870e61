using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Sessions;

/// <summary>WatchSession: a session's state and what is left on its path, until it ends.</summary>
internal sealed class WatchSession(ApiContext context)
{
    internal async Task HandleAsync(
        WatchSessionRequest request, IServerStreamWriter<WatchSessionResponse> responses, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = context.Callers.SessionOf(call, request.SessionToken, request.Session, ref faults);
        faults.ThrowIfAny();
        await context.RequireAsync(place);
        WatchSessionResponse? told = null;
        await foreach (Reply reply in context.Host.WatchSessionAsync(place.Tenant, place.Number, call.Cancellation))
        {
            if (reply.Fault is { } fault)
                throw ErrorMap.Of(new TenantException(fault, reply.Message));
            if (reply.Answer.Outcome != Outcome.Done)
                throw ErrorMap.Of(reply.Answer.Outcome, reply.Answer.Faults);
            WatchSessionResponse now = (WatchSessionResponse)reply.Answer.View!;
            if (!now.Equals(told))
                await responses.WriteAsync(now, CancellationToken.None);
            told = now;
        }
    }
}
