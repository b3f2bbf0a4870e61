using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using AgentBudget.Reporting.Anomalies;

namespace AgentBudget.Api.Reports;

/// <summary>GetAnomalies: what stands out, from the sums.</summary>
internal sealed class AnomalyReports(ApiContext context, SpendReports spend, Aggregator aggregator, TimeProvider time)
{
    /// <summary>How far back is looked when no start is given.</summary>
    private static readonly TimeSpan LookBack = TimeSpan.FromDays(30);

    internal async ValueTask<GetAnomaliesResponse> HandleAsync(GetAnomaliesRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        (DateTimeOffset start, DateTimeOffset end) = ReportPeriods.Read(
            request.Period, time.GetUtcNow(), LookBack, Aggregator.DaysMax, ref faults);
        bool isGrain = FieldRules.IsName(request.Grain, Names.AgentPrefix)
            || FieldRules.IsName(request.Grain, Names.UseCasePrefix);
        if (request.Grain.Length > 0 && !isGrain)
            faults.Add("grain", "must be an agent or use case such as useCases/trade-promo, or empty for all");
        FieldChecks.Money(ref faults, "floor", request.Floor, isZeroRight: true);
        faults.ThrowIfAny();
        string tenant = context.Callers.TenantOf(call);
        long floorNanos = ReportFloors.Read(request.Floor, await context.CurrencyOfAsync(tenant));
        await spend.CatchUpAsync(tenant, call.Cancellation);
        return SpendReports.Answer(() => aggregator.GetAnomalies(
            tenant, new AnomalyQuery(start, end, time.GetUtcNow(), request.Grain, floorNanos)));
    }
}
