using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using AgentBudget.Reporting.Recommendations;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Reports;

/// <summary>GetRecommendations: read from the ledger itself, since sums keep no single calls and holds.</summary>
internal sealed class RecommendationReports(ApiContext context, TimeProvider time)
{
    /// <summary>How far back is looked when no start is given.</summary>
    private static readonly TimeSpan LookBack = TimeSpan.FromDays(30);

    internal async ValueTask<GetRecommendationsResponse> HandleAsync(GetRecommendationsRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        DateTimeOffset now = time.GetUtcNow();
        (DateTimeOffset start, DateTimeOffset end) =
            ReportPeriods.Read(request.Period, now, LookBack, Aggregator.DaysMax, ref faults);
        FieldChecks.Money(ref faults, "floor", request.Floor, isZeroRight: true);
        faults.ThrowIfAny();
        string tenant = context.Callers.TenantOf(call);
        long floorNanos = ReportFloors.Read(request.Floor, await context.CurrencyOfAsync(tenant));
        Catalog catalog = await context.CatalogOfAsync(tenant);
        RecommendationFacts facts = new(Timestamp.FromDateTimeOffset(start), Timestamp.FromDateTimeOffset(end));
        await WholeLedger.ReadAsync(context, tenant, first: 1, facts.Accept, call.Cancellation);
        return SpendReports.Answer(() => facts.Finish(catalog, now, floorNanos));
    }
}
