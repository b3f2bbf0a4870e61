using AgentBudget.Api.Access;
using AgentBudget.Api.Reports;
using AgentBudget.Ledger;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs;

/// <summary>
/// RerateSpend: reads the ledger twice, answers the difference by grain, and books it where that is asked.
/// </summary>
internal sealed class RerateSpend(ApiContext context, TimeProvider time)
{
    internal async ValueTask<RerateSpendResponse> HandleAsync(RerateSpendRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        Check(request, ref faults);
        faults.ThrowIfAny();
        string tenant = context.Callers.TenantOf(call);
        var rating = new SpendRating(
            LogTime.FromTimestamp(request.StartTime), LogTime.FromTimestamp(request.EndTime), request.PriceVersion);
        await WholeLedger.ReadAsync(context, tenant, first: 1, rating.Learn, call.Cancellation);
        if (!rating.HasVersion)
        {
            faults.Add("price_version", $"is none of the price book, whose last version is {rating.LastVersion}");
            faults.ThrowIfAny();
        }

        await WholeLedger.ReadAsync(context, tenant, first: 1, rating.Rate, call.Cancellation);
        RatedPeriod rated = rating.Finish();
        string currency = await context.CurrencyOfAsync(tenant);
        if (request.Apply)
        {
            string actor = CallerScope.CallerOf(call).Principal;
            Answer answer = await context.SubmitAsync(tenant, new RerateSpendCommand(request, rated, actor));
            // A repeated request is answered as it was booked.
            SpendAdjusted adjusted = answer.Event!.SpendAdjusted;
            return ToResponse(tenant, currency, adjusted.Rerating.Charges, adjusted.Rerating.Unrated, adjusted.Lines);
        }

        IEnumerable<AdjustmentLine> lines = rated.Differences.Select(difference => new AdjustmentLine
        {
            Spender = difference.Spender,
            SettledNanos = difference.SettledNanos,
            Nanos = difference.DifferenceNanos,
        });
        return ToResponse(tenant, currency, rated.Charges, rated.Unrated, lines);
    }

    private static RerateSpendResponse ToResponse(
        string tenant, string currency, long charges, long unrated, IEnumerable<AdjustmentLine> lines)
    {
        var sums = new SortedDictionary<string, (long Settled, long Difference)>(StringComparer.Ordinal);
        foreach (AdjustmentLine line in lines)
        {
            Spender spender = line.Spender;
            string[] grains = [spender.Agent, spender.UseCase, spender.BusinessUnit, Names.TenantPrefix + tenant];
            foreach (string grain in grains)
            {
                (long settled, long difference) = sums.GetValueOrDefault(grain);
                sums[grain] = (checked(settled + line.SettledNanos), checked(difference + line.Nanos));
            }
        }

        var response = new RerateSpendResponse { Charges = charges, Unrated = unrated };
        foreach ((string grain, (long settled, long difference)) in sums)
        {
            response.Differences.Add(new GrainDifference
            {
                Grain = grain,
                Settled = MoneyMath.ToMoney(settled, currency),
                Rerated = MoneyMath.ToMoney(settled + difference, currency),
                Difference = MoneyMath.ToMoney(difference, currency),
            });
        }

        return response;
    }

    private void Check(RerateSpendRequest request, ref FieldFaults faults)
    {
        if (request.Apply || request.RequestId.Length > 0)
            FieldChecks.RequestId(ref faults, request.RequestId);
        if (request.Apply || request.Reason.Length > 0)
            FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        if (request.StartTime is null)
            faults.Add("start_time", "must be given");
        if (request.EndTime is null)
            faults.Add("end_time", "must be given");
        FieldChecks.Time(ref faults, "start_time", request.StartTime);
        FieldChecks.Time(ref faults, "end_time", request.EndTime);
        if (request is { StartTime: { } start, EndTime: { } end } && end.CompareTo(start) <= 0)
            faults.Add("end_time", "must be after start_time");
        else if (request.EndTime is { } until && until.ToDateTimeOffset() > time.GetUtcNow())
            faults.Add("end_time", "must not be after now");
        if (request.PriceVersion < 1)
            faults.Add("price_version", "must name a version of the price book");
    }
}
