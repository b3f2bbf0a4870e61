using AgentBudget.Api.Access;
using AgentBudget.Notifications.Sending;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Api.Notifications;

/// <summary>What is done to one endpoint: looked for, recorded in the ledger, then done.</summary>
internal sealed class EndpointActs(Endpoints endpoints)
{
    internal async ValueTask<UpdateEndpointResponse> UpdateAsync(UpdateEndpointRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        Endpoints.Check(ref faults, request.Filter);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        NotificationsChanged changed = new()
        {
            Change = NotificationChange.Updated,
            Endpoint = request.Endpoint,
            Filter = request.Filter,
            Disabled = request.Disabled,
            Reason = request.Reason,
        };
        NotifierReply reply = await DoAsync(faults, request.RequestId, changed, call);
        return new UpdateEndpointResponse { Endpoint = reply.Endpoints[0] };
    }

    internal async ValueTask<DeleteEndpointResponse> DeleteAsync(DeleteEndpointRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        NotificationsChanged changed = new()
        {
            Change = NotificationChange.Deleted,
            Endpoint = request.Endpoint,
            Reason = request.Reason,
        };
        await DoAsync(faults, request.RequestId, changed, call);
        return new DeleteEndpointResponse();
    }

    internal async ValueTask<RotateEndpointSecretResponse> RotateAsync(
        RotateEndpointSecretRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        byte[] secret = Signature.NewSecret();
        NotificationsChanged changed = new()
        {
            Change = NotificationChange.SecretRotated,
            Endpoint = request.Endpoint,
            Reason = request.Reason,
        };
        NotifierReply reply = await DoAsync(faults, request.RequestId, changed, call, secret);
        return new RotateEndpointSecretResponse
        {
            Endpoint = reply.Endpoints[0],
            Secret = reply.Outcome == NotifierOutcome.Done ? Signature.TextOf(secret) : "",
        };
    }

    internal async ValueTask<SendTestNoticeResponse> TestAsync(SendTestNoticeRequest request, ApiCall call)
    {
        NotificationsChanged changed = new() { Change = NotificationChange.Tested, Endpoint = request.Endpoint };
        NotifierReply reply = await DoAsync(default, request.RequestId, changed, call);
        return new SendTestNoticeResponse { Delivery = reply.Delivery };
    }

    internal async ValueTask<ReplayDeliveryResponse> ReplayAsync(ReplayDeliveryRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        if (request.Delivery.Length > 0 && !FieldRules.IsWord(request.Delivery))
            faults.Add("delivery", "must be the id of a notice such as evt_acme_1042_0");
        NotificationsChanged changed = new()
        {
            Change = NotificationChange.Replayed,
            Endpoint = request.Endpoint,
            Delivery = request.Delivery,
        };
        NotifierReply reply = await DoAsync(faults, request.RequestId, changed, call);
        return new ReplayDeliveryResponse { Replayed = reply.Replayed };
    }

    private async ValueTask<NotifierReply> DoAsync(
        FieldFaults faults, string requestId, NotificationsChanged changed, ApiCall call, byte[]? secret = null)
    {
        FieldChecks.RequestId(ref faults, requestId);
        long number = Endpoints.CheckName(ref faults, changed.Endpoint);
        faults.ThrowIfAny();
        string tenant = await endpoints.TenantOfAsync(call);
        string actor = CallerScope.CallerOf(call).Principal;
        RemovedEndpoint asked = Endpoints.RequestOf(actor, requestId, number);
        NotifierReply found = await endpoints.AskAsync(tenant, new NotifierRequest { Find = asked });
        // What was removed by this request before is removed.
        if (found.Outcome == NotifierOutcome.Repeated && found.Endpoints.Count == 0) return found;
        if (secret is not null && found.Endpoints[0].Kind != EndpointKind.Webhook) throw Endpoints.WrongKind();
        EndpointAct act = new()
        {
            Number = number,
            Sequence = await endpoints.RecordAsync(tenant, requestId, changed, actor),
            Changed = changed,
            Secret = secret is null ? ByteString.Empty : ByteString.CopyFrom(secret),
            Removed = asked,
        };
        NotifierReply reply = await endpoints.AskAsync(tenant, new NotifierRequest { Act = act });
        return reply;
    }
}
