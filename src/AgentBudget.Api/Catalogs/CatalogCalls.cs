using AgentBudget.Api.Edge;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Catalogs;

/// <summary>CatalogService: what may be spent, by whom, and at what prices.</summary>
internal sealed class CatalogCalls(ApiContext api, ApplyCatalog apply, Calls calls, TimeProvider time)
    : CatalogService.CatalogServiceBase
{
    private readonly UnaryHandler<ApplyCatalogRequest, ApplyCatalogResponse> _applyCatalog = apply.HandleAsync;
    private readonly UnaryHandler<PatchCatalogRequest, PatchCatalogResponse> _patchCatalog =
        new PatchCatalog(api).HandleAsync;
    private readonly UnaryHandler<GetCatalogRequest, GetCatalogResponse> _getCatalog = new GetCatalog(api).HandleAsync;
    private readonly UnaryHandler<ExtendBudgetRequest, ExtendBudgetResponse> _extendBudget =
        new ExtendBudget(api).HandleAsync;
    private readonly UnaryHandler<ResetBudgetRequest, ResetBudgetResponse> _resetBudget =
        new AdjustSpend(api).ResetAsync;
    private readonly UnaryHandler<AdjustSpendRequest, AdjustSpendResponse> _adjustSpend =
        new AdjustSpend(api).AdjustAsync;
    private readonly UnaryHandler<RerateSpendRequest, RerateSpendResponse> _rerateSpend =
        new RerateSpend(api, time).HandleAsync;
    private readonly UnaryHandler<ListDisputesRequest, ListDisputesResponse> _listDisputes =
        new Disputes(api).ListAsync;
    private readonly UnaryHandler<DecideDisputeRequest, DecideDisputeResponse> _decideDispute =
        new Disputes(api).DecideAsync;
    private readonly UnaryHandler<ResetBreakerRequest, ResetBreakerResponse> _resetBreaker =
        new ResetBreaker(api).HandleAsync;
    private readonly UnaryHandler<SuspendAgentRequest, SuspendAgentResponse> _suspendAgent =
        new ChangeAgent(api).SuspendAsync;
    private readonly UnaryHandler<ResumeAgentRequest, ResumeAgentResponse> _resumeAgent =
        new ChangeAgent(api).ResumeAsync;
    private readonly UnaryHandler<DecommissionAgentRequest, DecommissionAgentResponse> _decommissionAgent =
        new ChangeAgent(api).DecommissionAsync;

    public override Task<ApplyCatalogResponse> ApplyCatalog(ApplyCatalogRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_applyCatalog, request, context);

    public override Task<PatchCatalogResponse> PatchCatalog(PatchCatalogRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_patchCatalog, request, context);

    public override Task<GetCatalogResponse> GetCatalog(GetCatalogRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getCatalog, request, context);

    public override Task<ExtendBudgetResponse> ExtendBudget(ExtendBudgetRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_extendBudget, request, context);

    public override Task<ResetBudgetResponse> ResetBudget(ResetBudgetRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_resetBudget, request, context);

    public override Task<AdjustSpendResponse> AdjustSpend(AdjustSpendRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_adjustSpend, request, context);

    public override Task<RerateSpendResponse> RerateSpend(RerateSpendRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_rerateSpend, request, context);

    public override Task<ListDisputesResponse> ListDisputes(ListDisputesRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_listDisputes, request, context);

    public override Task<DecideDisputeResponse> DecideDispute(
        DecideDisputeRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_decideDispute, request, context);

    public override Task<ResetBreakerResponse> ResetBreaker(ResetBreakerRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_resetBreaker, request, context);

    public override Task<SuspendAgentResponse> SuspendAgent(SuspendAgentRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_suspendAgent, request, context);

    public override Task<ResumeAgentResponse> ResumeAgent(ResumeAgentRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_resumeAgent, request, context);

    public override Task<DecommissionAgentResponse> DecommissionAgent(
        DecommissionAgentRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_decommissionAgent, request, context);
}
