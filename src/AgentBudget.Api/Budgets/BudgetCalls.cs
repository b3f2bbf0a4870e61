using AgentBudget.Api.Edge;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Budgets;

/// <summary>BudgetService: what gateways call around every model call.</summary>
internal sealed class BudgetCalls(ApiContext api, SpendItems spend, Calls calls) : BudgetService.BudgetServiceBase
{
    private readonly UnaryHandler<ReserveTokensRequest, ReserveTokensResponse> _reserveTokens =
        new ReserveTokens(api).HandleAsync;
    private readonly UnaryHandler<CommitTokensRequest, CommitTokensResponse> _commitTokens =
        new CommitTokens(api).HandleAsync;
    private readonly UnaryHandler<ReleaseTokensRequest, ReleaseTokensResponse> _releaseTokens =
        new ReleaseTokens(api).HandleAsync;
    private readonly UnaryHandler<AmendReservationRequest, AmendReservationResponse> _amendReservation =
        new AmendReservation(api).HandleAsync;
    private readonly UnaryHandler<RecordCostRequest, RecordCostResponse> _recordCost = new RecordCost(api).HandleAsync;
    private readonly UnaryHandler<AuthorizeToolRequest, AuthorizeToolResponse> _authorizeTool =
        new AuthorizeTool(api).HandleAsync;
    private readonly UnaryHandler<GetBalanceRequest, GetBalanceResponse> _getBalance = new GetBalance(api).HandleAsync;

    public override Task<ReserveTokensResponse> ReserveTokens(
        ReserveTokensRequest request, ServerCallContext context) => calls.AnswerAsync(_reserveTokens, request, context);

    public override Task<CommitTokensResponse> CommitTokens(CommitTokensRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_commitTokens, request, context);

    public override Task<ReleaseTokensResponse> ReleaseTokens(
        ReleaseTokensRequest request, ServerCallContext context) => calls.AnswerAsync(_releaseTokens, request, context);

    public override Task<AmendReservationResponse> AmendReservation(
        AmendReservationRequest request, ServerCallContext context) => calls.AnswerAsync(_amendReservation, request, context);

    public override Task<RecordCostResponse> RecordCost(RecordCostRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_recordCost, request, context);

    public override Task<AuthorizeToolResponse> AuthorizeTool(
        AuthorizeToolRequest request, ServerCallContext context) => calls.AnswerAsync(_authorizeTool, request, context);

    public override Task<GetBalanceResponse> GetBalance(GetBalanceRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getBalance, request, context);

    public override Task Spend(
        IAsyncStreamReader<SpendRequest> requests,
        IServerStreamWriter<SpendResponse> responses,
        ServerCallContext context) =>
        calls.RunAsync(call => spend.HandleAsync(requests, responses, call), context);
}
