using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using AgentBudget.Reporting.Initiatives;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Reports;

/// <summary>GetInitiative: the worth of a use case, from the sums, and the forecast of its budgets.</summary>
internal sealed class InitiativeReports(
    ApiContext context, ForecastReports forecasts, Aggregator aggregator, TimeProvider time)
{
    private const long GoMilliDefault = 1_500;
    private const long StopMilliDefault = 1_000;
    private const long ReturnMilliMax = 1_000_000; // A thousand times the cost.

    /// <summary>How far back is looked when no start is given.</summary>
    private static readonly TimeSpan LookBack = TimeSpan.FromDays(90);

    internal async ValueTask<GetInitiativeResponse> HandleAsync(GetInitiativeRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.Name(ref faults, "use_case", request.UseCase, Names.UseCasePrefix, isRequired: true);
        (DateTimeOffset start, DateTimeOffset end) =
            ReportPeriods.Read(request.Period, time.GetUtcNow(), LookBack, Aggregator.DaysMax, ref faults);
        long go = request.GoMilli == 0 ? GoMilliDefault : request.GoMilli;
        long stop = request.StopMilli == 0 ? Math.Min(StopMilliDefault, go) : request.StopMilli;
        if (go is < 1 or > ReturnMilliMax)
            faults.Add("go_milli", $"must be 1 to {ReturnMilliMax}, or 0 for {GoMilliDefault}");
        if (stop < 1 || stop > go)
            faults.Add("stop_milli", $"must be 1 to go_milli, or 0 for {StopMilliDefault}");
        faults.ThrowIfAny();
        // It finds the use case, if it is there for the caller, and waits until the sums are whole.
        GetForecastResponse forecast =
            await forecasts.HandleAsync(new GetForecastRequest { Grain = request.UseCase }, call);
        var period = new ReportPeriod
        {
            StartTime = Timestamp.FromDateTimeOffset(start),
            EndTime = Timestamp.FromDateTimeOffset(end),
        };
        var query = new InitiativeQuery(request.UseCase, period, go, stop);
        return SpendReports.Answer(
            () => aggregator.GetInitiative(context.Callers.TenantOf(call), query, forecast.Windows));
    }
}
