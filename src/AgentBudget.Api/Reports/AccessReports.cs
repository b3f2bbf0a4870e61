using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Access;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Reports;

/// <summary>
/// GetAttributionCoverage and GetAccessReview: read from the ledger itself when they are asked for, which is seldom.
/// </summary>
internal sealed class AccessReports(ApiContext context, TimeProvider time)
{
    private const int DaysDefault = 90;
    private const int DaysMax = 400;

    internal async ValueTask<GetAttributionCoverageResponse> CoverageAsync(
        GetAttributionCoverageRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.Time(ref faults, "period.start_time", request.Period?.StartTime);
        FieldChecks.Time(ref faults, "period.end_time", request.Period?.EndTime);
        faults.ThrowIfAny();
        AttributionCoverage coverage = new(request.Period?.StartTime, request.Period?.EndTime);
        await ReadAsync(call, coverage.Accept);
        return coverage.Finish();
    }

    internal async ValueTask<GetAccessReviewResponse> ReviewAsync(GetAccessReviewRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        if (request.Days is < 0 or > DaysMax)
            faults.Add("days", "must be 1 to 400, or 0 for 90");
        faults.ThrowIfAny();
        DateTimeOffset now = time.GetUtcNow();
        DateTimeOffset since = now.AddDays(-(request.Days == 0 ? DaysDefault : request.Days));
        AccessReview review = new(Timestamp.FromDateTimeOffset(since), Timestamp.FromDateTimeOffset(now));
        await ReadAsync(call, review.Accept);
        // What this silo has seen and not told its ledger yet.
        foreach (CredentialUse use in context.Credentials.Directory.LookAtUses(context.Callers.TenantOf(call)))
            review.Accept(use);
        return review.Finish();
    }

    private ValueTask ReadAsync(ApiCall call, Action<LedgerEvent> accept) => WholeLedger.ReadAsync(
        context, context.Callers.TenantOf(call), first: 1, accept, call.Cancellation);
}
