using AgentBudget.Api.Edge;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Approvals;

/// <summary>ApprovalService: who is refused asks for more, finance answers.</summary>
internal sealed class ApprovalCalls : ApprovalService.ApprovalServiceBase
{
    private readonly Calls _calls;
    private readonly UnaryHandler<RequestExtensionRequest, RequestExtensionResponse> _requestExtension;
    private readonly UnaryHandler<ListExtensionRequestsRequest, ListExtensionRequestsResponse> _listExtensionRequests;
    private readonly UnaryHandler<DecideExtensionRequest, DecideExtensionResponse> _decideExtension;
    private readonly WatchExtensionRequest _watchExtensionRequest;

    public ApprovalCalls(ApiContext api, Calls calls)
    {
        _calls = calls;
        var requests = new ExtensionRequests(api);
        _requestExtension = requests.RequestAsync;
        _listExtensionRequests = requests.ListAsync;
        _decideExtension = requests.DecideAsync;
        _watchExtensionRequest = new WatchExtensionRequest(api, requests);
    }

    public override Task<RequestExtensionResponse> RequestExtension(
        RequestExtensionRequest request, ServerCallContext context) =>
        _calls.AnswerAsync(_requestExtension, request, context);

    public override Task<ListExtensionRequestsResponse> ListExtensionRequests(
        ListExtensionRequestsRequest request, ServerCallContext context) =>
        _calls.AnswerAsync(_listExtensionRequests, request, context);

    public override Task WatchExtensionRequest(
        WatchExtensionRequestRequest request,
        IServerStreamWriter<WatchExtensionRequestResponse> responses,
        ServerCallContext context) =>
        _calls.RunAsync(call => _watchExtensionRequest.HandleAsync(request, responses, call), context);

    public override Task<DecideExtensionResponse> DecideExtension(
        DecideExtensionRequest request, ServerCallContext context) =>
        _calls.AnswerAsync(_decideExtension, request, context);
}
