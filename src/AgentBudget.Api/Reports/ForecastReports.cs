using AgentBudget.Api.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using AgentBudget.Reporting.Forecasts;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Reports;

/// <summary>GetForecast: what a grain's budgets come to, from its live balance and its spend hour by hour.</summary>
internal sealed class ForecastReports(
    ApiContext context, SpendReports spend, Aggregator aggregator, TimeProvider time)
{
    private const string Rolling = "rolling:";
    private const int HoursMax = 400 * 24; // Of the longest period, a year, and some.

    /// <summary>How far is looked where no period ends.</summary>
    private static readonly TimeSpan OpenEnd = TimeSpan.FromDays(30);

    private readonly GetBalance _balances = new(context);

    internal async ValueTask<GetForecastResponse> HandleAsync(GetForecastRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.Grain(ref faults, "grain", request.Grain);
        ReportFilter? filter = FilterOf(request.Grain);
        if (filter is null)
            faults.Add("grain", "must be a tenant, business unit, use case or agent");
        faults.ThrowIfAny();
        string tenant = context.Callers.TenantOf(call);
        GetBalanceResponse found =
            await _balances.HandleAsync(new GetBalanceRequest { Grain = request.Grain }, call);
        await spend.CatchUpAsync(tenant, call.Cancellation);
        try
        {
            GrainBalance balance = found.Grains[0];
            HourlySpend hours = aggregator.GetHours(tenant, filter!, time.GetUtcNow());
            long[] nanos = [.. hours.HourNanos];
            var response = new GetForecastResponse
            {
                Hours = nanos.Length,
                Sequence = hours.Sequence,
                AsOf = hours.AsOf,
            };
            IEnumerable<GrainBalance> windows = balance.Windows.Prepend(balance);
            foreach (GrainBalance window in windows)
            {
                if (!window.Window.StartsWith(Rolling, StringComparison.Ordinal))
                    response.Windows.Add(Forecast(window, nanos, hours.End));
            }

            return response;
        }
        catch (ReportException fault)
        {
            throw SpendReports.ErrorOf(fault);
        }
    }

    private static WindowForecast Forecast(GrainBalance window, long[] hourNanos, DateTimeOffset from)
    {
        DateTimeOffset end = window.ResetTime?.ToDateTimeOffset() ?? from + OpenEnd;
        int hoursLeft = (int)Math.Clamp(Math.Ceiling((end - from).TotalHours), 0, HoursMax);
        var rest = SpendForecast.Of(hourNanos, hoursLeft);
        string currency = window.Settled.CurrencyCode;
        Int128 settled = NanosOf(window.Settled);
        var forecast = new WindowForecast
        {
            Window = window.Window,
            EndTime = Timestamp.FromDateTimeOffset(end),
            Settled = window.Settled,
            Held = window.Held,
            HardCap = window.HardCap,
            Expected = MoneyMath.ToMoney(settled + rest.RestNanos, currency),
            Low = rest.LowNanos is { } low ? MoneyMath.ToMoney(settled + low, currency) : null,
            High = rest.HighNanos is { } high ? MoneyMath.ToMoney(settled + high, currency) : null,
        };
        if (rest.Error is { } error)
        {
            forecast.Accuracy = new ForecastAccuracy
            {
                Forecasts = error.Origins,
                LastForecast = MoneyMath.ToMoney(error.LastForecastNanos, currency),
                LastActual = MoneyMath.ToMoney(error.LastActualNanos, currency),
                ErrorPpm = error.ErrorPpm,
                BiasPpm = error.BiasPpm,
            };
        }

        if (window.HardCap is null)
            return forecast;
        Int128 room = NanosOf(window.HardCap) - settled - NanosOf(window.Held);
        (int? expected, int? early, int? late) = rest.ExhaustionOf(room);
        forecast.ExhaustionTime = After(from, expected);
        forecast.EarliestExhaustionTime = After(from, early);
        forecast.LatestExhaustionTime = After(from, late);
        return forecast;
    }

    private static Timestamp? After(DateTimeOffset from, int? hours) =>
        hours is null ? null : Timestamp.FromDateTimeOffset(from.AddHours(hours.Value));

    private static Int128 NanosOf(Money? money) =>
        money is null ? 0 : ((Int128)money.Units * MoneyMath.NanosPerUnit) + money.Nanos;

    // Null for a session, and for a part of an account.
    private static ReportFilter? FilterOf(string grain) => grain.Split('/') switch
    {
        ["useCases", _] => new ReportFilter { UseCase = grain },
        ["businessUnits", _] => new ReportFilter { BusinessUnit = grain },
        ["agents", _] => new ReportFilter { Agent = grain },
        ["tenants", _] => new ReportFilter(),
        _ => null,
    };
}
