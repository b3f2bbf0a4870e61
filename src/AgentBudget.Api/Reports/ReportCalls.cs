using AgentBudget.Api.Edge;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Reports;

/// <summary>ReportService: who spent what on which workflow.</summary>
internal sealed class ReportCalls(
    SpendReports spend,
    AccessReports access,
    FocusReports focus,
    ForecastReports forecast,
    AnomalyReports anomalies,
    AdjacencyReports adjacency,
    InitiativeReports initiatives,
    RecommendationReports recommendations,
    Calls calls)
    : ReportService.ReportServiceBase
{
    private readonly UnaryHandler<GetChargebackRequest, GetChargebackResponse> _getChargeback = spend.ChargebackAsync;
    private readonly UnaryHandler<GetUnitCostsRequest, GetUnitCostsResponse> _getUnitCosts = spend.UnitCostsAsync;
    private readonly UnaryHandler<GetRunCostsRequest, GetRunCostsResponse> _getRunCosts = spend.RunCostsAsync;
    private readonly UnaryHandler<GetAttributionCoverageRequest, GetAttributionCoverageResponse>
        _getAttributionCoverage = access.CoverageAsync;
    private readonly UnaryHandler<GetAccessReviewRequest, GetAccessReviewResponse> _getAccessReview =
        access.ReviewAsync;

    private readonly UnaryHandler<GetForecastRequest, GetForecastResponse> _getForecast = forecast.HandleAsync;

    private readonly UnaryHandler<GetAnomaliesRequest, GetAnomaliesResponse> _getAnomalies = anomalies.HandleAsync;

    private readonly UnaryHandler<GetAdjacencyRequest, GetAdjacencyResponse> _getAdjacency = adjacency.HandleAsync;

    public override Task<GetAdjacencyResponse> GetAdjacency(GetAdjacencyRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getAdjacency, request, context);

    private readonly UnaryHandler<GetInitiativeRequest, GetInitiativeResponse> _getInitiative =
        initiatives.HandleAsync;

    public override Task<GetInitiativeResponse> GetInitiative(
        GetInitiativeRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getInitiative, request, context);

    private readonly UnaryHandler<GetRecommendationsRequest, GetRecommendationsResponse> _getRecommendations =
        recommendations.HandleAsync;

    public override Task<GetRecommendationsResponse> GetRecommendations(
        GetRecommendationsRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getRecommendations, request, context);

    public override Task<GetAnomaliesResponse> GetAnomalies(GetAnomaliesRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getAnomalies, request, context);

    public override Task<GetForecastResponse> GetForecast(GetForecastRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getForecast, request, context);

    public override Task<GetChargebackResponse> GetChargeback(
        GetChargebackRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getChargeback, request, context);

    public override Task<GetUnitCostsResponse> GetUnitCosts(GetUnitCostsRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getUnitCosts, request, context);

    public override Task<GetRunCostsResponse> GetRunCosts(GetRunCostsRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getRunCosts, request, context);

    public override Task<GetAttributionCoverageResponse> GetAttributionCoverage(
        GetAttributionCoverageRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getAttributionCoverage, request, context);

    public override Task<GetAccessReviewResponse> GetAccessReview(
        GetAccessReviewRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getAccessReview, request, context);

    public override Task ExportFocus(
        ExportFocusRequest request,
        IServerStreamWriter<ExportFocusResponse> responseStream,
        ServerCallContext context) =>
        calls.RunAsync(call => focus.StreamAsync(request, responseStream, call), context);
}
