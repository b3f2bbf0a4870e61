using System.Globalization;
using System.Numerics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Tests;

/// <summary>The report, the slow and obvious way: for every run that ended, the whole ledger is read again.</summary>
internal static class NaiveUnitCosts
{
    /// <summary>One line per row, sorted, the total last.</summary>
    public static List<string> Lines(List<LedgerEvent> events, GetUnitCostsRequest request)
    {
        var ended = events.Where(e => e.SessionEnded is not null && e.Spender.Run.Length == 0 && Counts(e, request));
        var runs = ended.ToList();
        return
        [
            .. runs.GroupBy(e => KeysOf(e.Spender, request)).Select(group => Line(group.Key, events, group)).Order(),
            Line("total", events, runs),
        ];
    }

    /// <summary>The answer in the same form.</summary>
    public static List<string> Lines(GetUnitCostsResponse response) =>
        [.. response.Rows.Select(row => Line(KeysOf(row), row)).Order(), Line("total", response.Total)];

    private static bool Counts(LedgerEvent end, GetUnitCostsRequest request)
    {
        DateTimeOffset quarter = NaiveChargeback.QuarterOf(end.Time.ToDateTimeOffset());
        if (request.Period?.StartTime is { } start
            && quarter < NaiveChargeback.QuarterOf(start.ToDateTimeOffset()))
        {
            return false;
        }

        if (request.Period?.EndTime is { } last && quarter >= last.ToDateTimeOffset()) return false;
        ReportFilter filter = request.Filter ?? new ReportFilter();
        return (filter.BusinessUnit.Length == 0 || filter.BusinessUnit == end.Spender.BusinessUnit)
            && (filter.UseCase.Length == 0 || filter.UseCase == end.Spender.UseCase)
            && (filter.Agent.Length == 0 || filter.Agent == end.Spender.Agent)
            && (filter.Session.Length == 0 || filter.Session == end.Spender.Session);
    }

    private static string KeysOf(Spender root, GetUnitCostsRequest request) => string.Join(
        ';',
        request.GroupBy.Order().Select(name => name + "=" + name switch
        {
            "business_unit" => root.BusinessUnit,
            "use_case" => root.UseCase,
            "agent" => root.Agent,
            _ => throw new ArgumentOutOfRangeException(nameof(request)),
        }));

    private static string KeysOf(UnitCostRow row) =>
        string.Join(';', row.Keys.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}={pair.Value}"));

    private static string Line(string keys, List<LedgerEvent> events, IEnumerable<LedgerEvent> ends)
    {
        BigInteger cost = 0;
        int successes = 0;
        var runs = ends.ToList();
        var metrics = new SortedDictionary<string, (int Runs, decimal Delta)>(StringComparer.Ordinal);
        foreach (LedgerEvent end in runs)
        {
            string run = end.Spender.Session;
            foreach (LedgerEvent spend in events.Where(e => e.Spender?.Session == run || e.Spender?.Run == run))
                cost += (spend.ReservationSettled?.CostNanos ?? 0) + (spend.CostRecorded?.CostNanos ?? 0);
            if (end.SessionEnded.Outcome is not { } outcome) continue;
            if (outcome.Status == Outcome.Types.Status.Success) successes++;
            foreach ((string metric, double value) in outcome.Metrics)
            {
                (int Runs, decimal Delta) sum = metrics.GetValueOrDefault(metric);
                metrics[metric] = (sum.Runs + 1, sum.Delta + (decimal)value - BaselineOf(events, end, metric));
            }
        }

        string success = successes == 0 ? "-" : Divide(cost, successes).ToString(CultureInfo.InvariantCulture);
        IEnumerable<string> outcomes = metrics.Select(metric => string.Create(
            CultureInfo.InvariantCulture,
            $"{metric.Key} in {metric.Value.Runs}: {(double)metric.Value.Delta}, {PerUnit(cost, metric.Value.Delta)}"));
        return $"{keys}: {cost} in {runs.Count}, {successes} at {success}; {string.Join("; ", outcomes)}";
    }

    private static string Line(string keys, UnitCostRow row)
    {
        IEnumerable<string> outcomes = row.Outcomes.Select(outcome => string.Create(
            CultureInfo.InvariantCulture,
            $"{outcome.Metric} in {outcome.Runs}: {outcome.Delta}, {Text(outcome.CostPerUnit)}"));
        return $"{keys}: {Text(row.Cost)} in {row.Runs}, {row.SuccessfulRuns} at {Text(row.CostPerSuccessfulRun)}; "
            + string.Join("; ", outcomes);
    }

    // Of the catalog that stood when the run ended.
    private static decimal BaselineOf(List<LedgerEvent> events, LedgerEvent end, string metric)
    {
        Catalog catalog = events.Last(e => e.CatalogApplied is not null && e.Sequence < end.Sequence)
            .CatalogApplied.Catalog;
        UseCase? useCase = catalog.UseCases.FirstOrDefault(found => "useCases/" + found.Id == end.Spender.UseCase);
        OutcomeRule? rule = useCase is not null && useCase.Outcomes.TryGetValue(metric, out OutcomeRule? found)
            ? found
            : null;
        return (decimal)(rule?.Baseline ?? 0);
    }

    private static string PerUnit(BigInteger cost, decimal delta)
    {
        if (delta <= 0) return "-";
        return Divide(cost * 1_000_000, (BigInteger)(delta * 1_000_000)).ToString(CultureInfo.InvariantCulture);
    }

    private static BigInteger Divide(BigInteger dividend, BigInteger divisor)
    {
        BigInteger half = (dividend * 2) + divisor;
        BigInteger rounded = half / (divisor * 2);
        bool isTie = half % (divisor * 2) == 0;
        return isTie && !rounded.IsEven ? rounded - 1 : rounded;
    }

    private static string Text(Money? money)
    {
        if (money is null) return "-";
        Assert.Equal("USD", money.CurrencyCode);
        return (((BigInteger)money.Units * 1_000_000_000) + money.Nanos).ToString(CultureInfo.InvariantCulture);
    }
}
