using System.Globalization;
using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Ledger.Requests;
using AgentBudget.Notifications;
using AgentBudget.Notifications.Sending;
using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Notifications;

/// <summary>CreateEndpoint, ListEndpoints and ListDeliveries, and how a notifier is asked.</summary>
internal sealed class Endpoints(ApiContext context, INotifiers notifiers, NotificationOptions options)
{
    private const int KindsMax = 32;

    internal async ValueTask<CreateEndpointResponse> CreateAsync(CreateEndpointRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, request.RequestId);
        CheckTarget(ref faults, request);
        Check(ref faults, request.Filter);
        faults.ThrowIfAny();

        string tenant = await TenantOfAsync(call);
        string actor = CallerScope.CallerOf(call).Principal;
        await AskAsync(tenant, new NotifierRequest { Find = RequestOf(actor, request.RequestId, number: 0) });
        byte[] secret = request.Kind == EndpointKind.Webhook ? Signature.NewSecret() : [];
        EndpointBook made = new()
        {
            Kind = request.Kind,
            Url = request.Url,
            Secret = ByteString.CopyFrom(secret),
            Filter = request.Filter,
            CreatedBy = actor,
            CreateRequestId = request.RequestId,
        };
        made.Recipients.Add(request.Recipients);
        NotificationsChanged changed = new()
        {
            Change = NotificationChange.Created,
            Kind = request.Kind,
            Target = EndpointTarget.Of(made),
            Filter = request.Filter,
        };
        made.Number = await RecordAsync(tenant, request.RequestId, changed, actor);
        NotifierReply reply = await AskAsync(tenant, new NotifierRequest { Create = made });
        // A repeated request has drawn another secret than the one that signs, and that one was shown before.
        bool isNew = reply.Outcome == NotifierOutcome.Done && secret.Length > 0;
        return new CreateEndpointResponse
        {
            Endpoint = reply.Endpoints[0],
            Secret = isNew ? Signature.TextOf(secret) : "",
        };
    }

    internal async ValueTask<ListEndpointsResponse> ListAsync(ListEndpointsRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        int from = CheckPage(ref faults, request.PageSize, request.PageToken);
        faults.ThrowIfAny();
        NotifierReply reply = await AskAsync(await TenantOfAsync(call), new NotifierRequest { List = true });
        int size = request.PageSize == 0 ? FieldRules.PageSizeDefault : request.PageSize;
        ListEndpointsResponse response = new();
        response.Endpoints.Add(reply.Endpoints.Skip(from).Take(size));
        if (reply.Endpoints.Count - from > size) response.NextPageToken = $"{from + size}";
        return response;
    }

    internal async ValueTask<ListDeliveriesResponse> DeliveriesAsync(ListDeliveriesRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        CheckPage(ref faults, request.PageSize, request.PageToken);
        if (request.Endpoint.Length > 0) CheckName(ref faults, request.Endpoint);
        FieldChecks.Defined(ref faults, "state", request.State);
        faults.ThrowIfAny();
        string tenant = await TenantOfAsync(call);
        return (await AskAsync(tenant, new NotifierRequest { Deliveries = request })).Deliveries;
    }

    /// <summary>The tenant of a call, which must have a ledger.</summary>
    internal async ValueTask<string> TenantOfAsync(ApiCall call)
    {
        string tenant = context.Callers.TenantOf(call);
        await context.CurrencyOfAsync(tenant);
        return tenant;
    }

    /// <summary>Records an act in the ledger; answers its event's sequence, the first one's for a repeated request.
    /// </summary>
    internal async ValueTask<long> RecordAsync(
        string tenant, string requestId, NotificationsChanged changed, string actor)
    {
        Answer answer = await context.SubmitAsync(
            tenant, new RecordNotificationsCommand(requestId, changed.Clone(), actor));
        return answer.Event!.Sequence;
    }

    /// <summary>Asks a notifier; throws what a caller is to see for everything but what is done.</summary>
    internal async ValueTask<NotifierReply> AskAsync(string tenant, NotifierRequest request)
    {
        NotifierReply reply;
        try
        {
            reply = await notifiers.AskAsync(tenant, request);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }

        return reply.Outcome switch
        {
            NotifierOutcome.Done or NotifierOutcome.Repeated => reply,
            NotifierOutcome.NotFound => throw ApiErrors.Make(
                StatusCode.NotFound,
                ErrorReason.EndpointNotFound,
                "There is no such endpoint, or it knows no such delivery."),
            NotifierOutcome.Full => throw ErrorMap.Of(
                Outcome.BoundReached, [new Fault("endpoints", "a tenant has 16 at most: delete one")]),
            NotifierOutcome.NoSecret => throw WrongKind(),
            NotifierOutcome.KeyReused => throw ErrorMap.Of(Outcome.KeyReused),
            NotifierOutcome.Unspecified or NotifierOutcome.NotReady => throw ErrorMap.Of(new TenantException(
                TenantFault.NotReady, "the endpoints cannot be read or written now")),
        };
    }

    internal static RemovedEndpoint RequestOf(string actor, string requestId, long number) =>
        new() { Number = number, RequestId = requestId, Principal = Principals.OfActor(actor) };

    internal static RpcException WrongKind()
    {
        FieldFaults faults = default;
        faults.Add("endpoint", "must be a webhook: the URL of others is their secret, so make a new endpoint");
        return faults.ToException();
    }

    internal static long CheckName(ref FieldFaults faults, string name)
    {
        if (!Names.TryParseNotificationEndpoint(name, out long number))
            faults.Add("endpoint", "must be the name of an endpoint such as notification-endpoints/n17");
        return number;
    }

    internal static void Check(ref FieldFaults faults, NoticeFilter? filter)
    {
        if (filter is null) return;
        if (filter.Kinds.Count > KindsMax || filter.Grains.Count > FieldRules.MapEntriesMax)
            faults.Add("filter", "must have at most 32 kinds and 32 grains");
        foreach (NoticeKind kind in filter.Kinds)
        {
            if (kind == NoticeKind.Unspecified || !Enum.IsDefined(kind))
                faults.Add("filter.kinds", "has a kind that this release does not know");
        }

        foreach (string grain in filter.Grains) FieldChecks.Grain(ref faults, "filter.grains", grain);
    }

    private void CheckTarget(ref FieldFaults faults, CreateEndpointRequest request)
    {
        if (request.Kind == EndpointKind.Unspecified || !Enum.IsDefined(request.Kind))
            faults.Add("kind", "must be how the endpoint takes notices");
        if (request.Kind != EndpointKind.Email)
        {
            if (EndpointTarget.FaultOfUrl(request.Url, options.AllowPrivate) is { } fault) faults.Add("url", fault);
            if (request.Recipients.Count > 0) faults.Add("recipients", "must be empty for every kind but mail");
            return;
        }

        if (request.Url.Length > 0) faults.Add("url", "must be empty for mail");
        if (options.Mail is null)
            faults.Add("kind", "cannot be mail: this silo has no server for it, notifications:smtp");
        if (request.Recipients.Count is 0 or > EndpointTarget.RecipientsMax)
            faults.Add("recipients", $"must be 1 to {EndpointTarget.RecipientsMax} addresses");
        foreach (string recipient in request.Recipients)
        {
            if (!EndpointTarget.IsMailAddress(recipient))
                faults.Add("recipients", "must be addresses such as finance@acme.test");
        }
    }

    private static int CheckPage(ref FieldFaults faults, int pageSize, string token)
    {
        FieldChecks.PageSize(ref faults, pageSize);
        int from = 0;
        bool isPage = token.Length == 0
            || int.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out from);
        if (!isPage) faults.Add("page_token", "must be the next_page_token of the page before");
        return from;
    }
}
