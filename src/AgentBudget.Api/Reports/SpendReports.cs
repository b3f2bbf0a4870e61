using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using Google.Protobuf.Collections;
using Grpc.Core;

namespace AgentBudget.Api.Reports;

/// <summary>
/// GetChargeback, GetUnitCosts and GetRunCosts: each waits until the sums hold everything that was durable when the
/// request came.
/// </summary>
internal sealed class SpendReports(ApiContext context, Aggregator aggregator, TimeProvider time)
{
    /// <summary>
    /// Folding keeps up with the ledger by far; a report that has to wait longer is better asked again.
    /// </summary>
    private static readonly TimeSpan CatchUpMax = TimeSpan.FromSeconds(20);

    private const string TagPrefix = "tag:";

    /// <summary>More groupings make one row a charge.</summary>
    private const int TagGroupingsMax = 8;
    private const int EventsPerPageMax = 4096; // One group.

    private static readonly TimeSpan CatchUpRetry = TimeSpan.FromSeconds(5);

    internal async ValueTask<GetChargebackResponse> ChargebackAsync(GetChargebackRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        Check(request.Period, request.Filter, ref faults);
        CheckGroupings(request.GroupBy, Aggregator.Groupings, takesTags: true, ref faults);
        faults.ThrowIfAny();

        (string tenant, request.Filter) = await NarrowAsync(request.Filter, call);
        await CatchUpAsync(tenant, call.Cancellation);
        return Answer(() => aggregator.GetChargeback(tenant, request));
    }

    internal async ValueTask<GetUnitCostsResponse> UnitCostsAsync(GetUnitCostsRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        Check(request.Period, request.Filter, ref faults);
        CheckGroupings(request.GroupBy, Aggregator.UnitCostGroupings, takesTags: false, ref faults);
        CheckIsEmpty("filter.run", request.Filter?.Run, ref faults);
        if (request.Filter is { Bucket: not TokenBucket.Unspecified })
            faults.Add("filter.bucket", "must be empty: a run has many");
        CheckIsEmpty("filter.model", request.Filter?.Model, ref faults);
        CheckIsEmpty("filter.tool", request.Filter?.Tool, ref faults);
        CheckIsEmpty("filter.sku", request.Filter?.Sku, ref faults);
        faults.ThrowIfAny();

        (string tenant, request.Filter) = await NarrowAsync(request.Filter, call);
        await CatchUpAsync(tenant, call.Cancellation);
        return Answer(() => aggregator.GetUnitCosts(tenant, request));
    }

    internal async ValueTask<GetRunCostsResponse> RunCostsAsync(GetRunCostsRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        if (!Names.TryParseSession(request.Run, out _))
            faults.Add("run", "must name the root session of a run, like sessions/s17");
        faults.ThrowIfAny();
        string tenant = context.Callers.TenantOf(call);
        await context.CurrencyOfAsync(tenant); // A tenant without a catalog is not found.
        await CatchUpAsync(tenant, call.Cancellation);
        return Answer(() => aggregator.GetRunCosts(tenant, request.Run)) ?? throw ApiErrors.Make(
            StatusCode.NotFound,
            ErrorReason.SessionNotFound,
            "Nothing of such a run was spent or refused: name the root session of one that did.");
    }

    // The tenant, and the filter as far as the caller sees.
    private async Task<(string Tenant, ReportFilter? Filter)> NarrowAsync(ReportFilter? filter, ApiCall call)
    {
        string tenant = context.Callers.TenantOf(call);
        await context.CurrencyOfAsync(tenant); // A tenant without a catalog is not found.
        if (OwnScope.Of(call) is not { } own)
            return (tenant, filter);
        FieldFaults faults = default;
        filter = own.Narrow(filter, await context.CatalogOfAsync(tenant), ref faults);
        faults.ThrowIfAny();
        return (tenant, filter);
    }

    /// <summary>Waits until the sums hold everything that is durable now.</summary>
    internal async Task CatchUpAsync(string tenant, CancellationToken cancellationToken)
    {
        try
        {
            long durable = await context.Host.DurableSequenceAsync(tenant, cancellationToken);
            await FoldAsync(tenant, durable, cancellationToken).WaitAsync(CatchUpMax, time, cancellationToken);
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
        catch (TimeoutException)
        {
            throw ApiErrors.Make(
                StatusCode.Unavailable,
                ErrorReason.NotReady,
                "The report is still being built from the ledger: retry later.",
                ApiErrors.RetryAfter(CatchUpRetry));
        }
    }

    // Here, wherever the tenant and its aggregator's grain are: this silo's sums are what is asked.
    private async Task FoldAsync(string tenant, long sequence, CancellationToken cancellationToken)
    {
        while (aggregator.Position(tenant) is long position && position < sequence)
        {
            IReadOnlyList<LedgerEvent> events =
                await context.Host.ReadAsync(tenant, position + 1, EventsPerPageMax, cancellationToken);
            if (events.Count > 0) aggregator.TryFold(tenant, position, events);
        }
    }

    /// <summary>A report, or what is wrong with it as an error of the contract.</summary>
    internal static TResponse Answer<TResponse>(Func<TResponse> report)
    {
        try
        {
            return report();
        }
        catch (ReportException fault)
        {
            throw ErrorOf(fault);
        }
    }

    internal static RpcException ErrorOf(ReportException fault)
    {
        switch (fault.Fault)
        {
            case ReportFault.TooManyRows:
                return ApiErrors.Make(StatusCode.ResourceExhausted, ErrorReason.BoundReached, fault.Message);
            case ReportFault.AmountOverflow:
                return ApiErrors.Make(StatusCode.OutOfRange, ErrorReason.AmountOverflow, fault.Message);
            case ReportFault.UnknownGrouping:
            default:
                FieldFaults faults = default;
                faults.Add("group_by", fault.Message);
                return faults.ToException();
        }
    }

    private static void Check(ReportPeriod? period, ReportFilter? filter, ref FieldFaults faults)
    {
        FieldChecks.Time(ref faults, "period.start_time", period?.StartTime);
        FieldChecks.Time(ref faults, "period.end_time", period?.EndTime);
        if (period is { StartTime: { } start, EndTime: { } end } && end.CompareTo(start) <= 0)
            faults.Add("period.end_time", "must be after start_time");
        if (filter is null)
            return;
        FieldChecks.SpendFilter(
            ref faults, filter.BusinessUnit, filter.UseCase, filter.Agent, filter.Session, filter.Model);
        FieldChecks.Tool(ref faults, filter.Tool, "filter.tool");
        if (filter.Run.Length > 0 && !Names.TryParseSession(filter.Run, out _))
            faults.Add("filter.run", "must name the root session of a run, like sessions/s17");
        if (!Enum.IsDefined(filter.Bucket))
            faults.Add("filter.bucket", "must be a bucket that this release knows");
        if (filter.Sku.Length > 0 && !FieldRules.IsWord(filter.Sku))
            faults.Add("filter.sku", "must be a SKU's id, at most 128 printable ASCII characters without spaces");
    }

    private static void CheckGroupings(
        RepeatedField<string> groupBy, IReadOnlySet<string> groupings, bool takesTags, ref FieldFaults faults)
    {
        if (groupBy.Count > groupings.Count + TagGroupingsMax)
        {
            faults.Add("group_by", $"must be at most {groupings.Count + TagGroupingsMax}");
            return;
        }

        for (int index = 0; index < groupBy.Count; index++)
        {
            if (!groupings.Contains(groupBy[index]) && !(takesTags && IsTag(groupBy[index])))
            {
                string tags = takesTags ? ", or tag:NAME of a business tag" : "";
                faults.Add($"group_by[{index}]", $"must be one of {string.Join(", ", groupings.Order())}{tags}");
            }
            else if (groupBy.IndexOf(groupBy[index]) < index)
                faults.Add($"group_by[{index}]", "is there twice");
        }
    }

    private static bool IsTag(string grouping) =>
        grouping.StartsWith(TagPrefix, StringComparison.Ordinal)
        && FieldRules.IsWord(grouping.AsSpan(TagPrefix.Length), FieldRules.IdCharsMax);

    private static void CheckIsEmpty(string field, string? value, ref FieldFaults faults)
    {
        if (!string.IsNullOrEmpty(value))
            faults.Add(field, "must be empty: a run has many");
    }
}
