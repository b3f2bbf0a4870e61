using AgentBudget.Api.Edge;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Api.Reports;

/// <summary>ReportService: who spent what on which workflow.</summary>
internal sealed class ReportCalls(
    SpendReports spend, AccessReports access, FocusReports focus, ForecastReports forecast, Calls calls)
    : ReportService.ReportServiceBase
{
    private readonly UnaryHandler<GetChargebackRequest, GetChargebackResponse> _getChargeback = spend.ChargebackAsync;
    private readonly UnaryHandler<GetUnitCostsRequest, GetUnitCostsResponse> _getUnitCosts = spend.UnitCostsAsync;
    private readonly UnaryHandler<GetAttributionCoverageRequest, GetAttributionCoverageResponse>
        _getAttributionCoverage = access.CoverageAsync;
    private readonly UnaryHandler<GetAccessReviewRequest, GetAccessReviewResponse> _getAccessReview =
        access.ReviewAsync;

    private readonly UnaryHandler<GetForecastRequest, GetForecastResponse> _getForecast = forecast.HandleAsync;

    public override Task<GetForecastResponse> GetForecast(GetForecastRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getForecast, request, context);

    public override Task<GetChargebackResponse> GetChargeback(
        GetChargebackRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getChargeback, request, context);

    public override Task<GetUnitCostsResponse> GetUnitCosts(GetUnitCostsRequest request, ServerCallContext context) =>
        calls.AnswerAsync(_getUnitCosts, request, context);

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
