using AgentBudget.Api.Edge;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Notifications;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Notifications;

/// <summary>NotificationService: where notices go, and how they get there.</summary>
internal sealed class NotificationCalls : NotificationService.NotificationServiceBase
{
    private readonly Calls _calls;
    private readonly UnaryHandler<CreateEndpointRequest, CreateEndpointResponse> _create;
    private readonly UnaryHandler<ListEndpointsRequest, ListEndpointsResponse> _list;
    private readonly UnaryHandler<UpdateEndpointRequest, UpdateEndpointResponse> _update;
    private readonly UnaryHandler<DeleteEndpointRequest, DeleteEndpointResponse> _delete;
    private readonly UnaryHandler<RotateEndpointSecretRequest, RotateEndpointSecretResponse> _rotate;
    private readonly UnaryHandler<SendTestNoticeRequest, SendTestNoticeResponse> _test;
    private readonly UnaryHandler<ListDeliveriesRequest, ListDeliveriesResponse> _deliveries;
    private readonly UnaryHandler<ReplayDeliveryRequest, ReplayDeliveryResponse> _replay;

    public NotificationCalls(ApiContext api, Calls calls, INotifiers notifiers, NotifierServices services)
    {
        _calls = calls;
        Endpoints endpoints = new(api, notifiers, services.Options);
        EndpointActs acts = new(endpoints);
        _create = endpoints.CreateAsync;
        _list = endpoints.ListAsync;
        _deliveries = endpoints.DeliveriesAsync;
        _update = acts.UpdateAsync;
        _delete = acts.DeleteAsync;
        _rotate = acts.RotateAsync;
        _test = acts.TestAsync;
        _replay = acts.ReplayAsync;
    }

    public override Task<CreateEndpointResponse> CreateEndpoint(
        CreateEndpointRequest request, ServerCallContext context) => _calls.AnswerAsync(_create, request, context);

    public override Task<ListEndpointsResponse> ListEndpoints(
        ListEndpointsRequest request, ServerCallContext context) => _calls.AnswerAsync(_list, request, context);

    public override Task<UpdateEndpointResponse> UpdateEndpoint(
        UpdateEndpointRequest request, ServerCallContext context) => _calls.AnswerAsync(_update, request, context);

    public override Task<DeleteEndpointResponse> DeleteEndpoint(
        DeleteEndpointRequest request, ServerCallContext context) => _calls.AnswerAsync(_delete, request, context);

    public override Task<RotateEndpointSecretResponse> RotateEndpointSecret(
        RotateEndpointSecretRequest request, ServerCallContext context) =>
        _calls.AnswerAsync(_rotate, request, context);

    public override Task<SendTestNoticeResponse> SendTestNotice(
        SendTestNoticeRequest request, ServerCallContext context) => _calls.AnswerAsync(_test, request, context);

    public override Task<ListDeliveriesResponse> ListDeliveries(
        ListDeliveriesRequest request, ServerCallContext context) => _calls.AnswerAsync(_deliveries, request, context);

    public override Task<ReplayDeliveryResponse> ReplayDelivery(
        ReplayDeliveryRequest request, ServerCallContext context) => _calls.AnswerAsync(_replay, request, context);
}
