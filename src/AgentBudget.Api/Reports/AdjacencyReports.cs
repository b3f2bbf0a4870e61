using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using AgentBudget.Reporting.Adjacency;

namespace AgentBudget.Api.Reports;

/// <summary>GetAdjacency: use cases of different business units that belong together, from the sums.</summary>
internal sealed class AdjacencyReports(
    ApiContext context, SpendReports spend, Aggregator aggregator, TimeProvider time)
{
    /// <summary>How far back is looked when no start is given.</summary>
    private static readonly TimeSpan LookBack = TimeSpan.FromDays(90);

    internal async ValueTask<GetAdjacencyResponse> HandleAsync(GetAdjacencyRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        DateTimeOffset now = time.GetUtcNow();
        (DateTimeOffset start, DateTimeOffset end) =
            ReportPeriods.Read(request.Period, now, LookBack, Aggregator.DaysMax, ref faults);
        faults.ThrowIfAny();
        string tenant = context.Callers.TenantOf(call);
        await context.CurrencyOfAsync(tenant); // A tenant without a catalog is not found.
        await spend.CatchUpAsync(tenant, call.Cancellation);
        return SpendReports.Answer(() => aggregator.GetAdjacency(tenant, new AdjacencyQuery(start, end, now)));
    }
}
