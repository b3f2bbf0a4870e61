using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Access;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace AgentBudget.Api.Reports;

/// <summary>
/// GetAttributionCoverage and GetAccessReview: read from the ledger itself when they are asked for, which is seldom.
/// </summary>
internal sealed class AccessReports(ApiContext context, TimeProvider time)
{
    /// <summary>Events of a ledger that is read for one report: some seconds, and half a GB from the disk.</summary>
    private const long EventsMax = 2_000_000;

    private const int ReadMax = 4_096; // Events read at once.
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

    private async ValueTask ReadAsync(ApiCall call, Action<LedgerEvent> accept)
    {
        string tenant = context.Callers.TenantOf(call);
        await context.CurrencyOfAsync(tenant); // A tenant without a catalog is not found.
        try
        {
            long last = await context.Host.DurableSequenceAsync(tenant, call.Cancellation);
            if (last > EventsMax)
                throw ApiErrors.Make(
                    StatusCode.ResourceExhausted,
                    ErrorReason.BoundReached,
                    $"The ledger has more than {EventsMax} events, which is too long for this report.");
            for (long next = 1; next <= last;)
            {
                IReadOnlyList<LedgerEvent> events =
                    await context.Host.ReadAsync(tenant, next, ReadMax, call.Cancellation);
                foreach (LedgerEvent ledgerEvent in events)
                    accept(ledgerEvent);
                if (events.Count == 0)
                    return;
                next = events[^1].Sequence + 1;
            }
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }
}
