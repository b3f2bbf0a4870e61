using System.Globalization;
using AgentBudget.Protocol.V1;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting.Initiatives;

/// <summary>Whether a use case is worth what it costs.</summary>
/// <param name="UseCase">Its name.</param>
/// <param name="Period">When the runs ended that are measured.</param>
/// <param name="GoMilli">From this return on it goes, in thousandths.</param>
/// <param name="StopMilli">Below this one it stops.</param>
public sealed record InitiativeQuery(string UseCase, ReportPeriod Period, long GoMilli, long StopMilli);

/// <summary>One report of it, and the verdict.</summary>
internal sealed class Initiative(SqliteConnection connection, TenantSums sums, InitiativeQuery query)
{
    private const long Thousand = 1_000;
    private const long Million = 1_000_000;
    private const int RunsMin = 20; // As the contract says: of fewer, one run decides.

    private static readonly string SelectDeltas = string.Create(CultureInfo.InvariantCulture, $"""
        SELECT metric, sum(delta), count(*) FROM run JOIN run_metric USING (tenant, run)
        WHERE tenant = $tenant AND ended >= $start AND ended < $end AND use_case = $use_case
        GROUP BY metric ORDER BY metric LIMIT {Aggregator.RowsMax}
        """);

    /// <summary>Throws <see cref="ReportException"/> for sums beyond 64 bits.</summary>
    /// <param name="windows">What the use case's budgets come to.</param>
    public GetInitiativeResponse Run(IEnumerable<WindowForecast> windows)
    {
        GetUnitCostsResponse costs = new UnitCosts(new GetUnitCostsRequest
        {
            Period = query.Period,
            Filter = new ReportFilter { UseCase = query.UseCase },
        }).Run(connection, sums);
        var response = new GetInitiativeResponse
        {
            Cost = costs.Total.Cost,
            Runs = costs.Total.Runs,
            SuccessfulRuns = costs.Total.SuccessfulRuns,
            Sequence = sums.Position,
            AsOf = sums.Time,
        };
        response.Windows.Add(windows);
        Int128 valueNanos = AddOutcomes(response);
        response.Value = ReportTerms.ToMoney(valueNanos, sums.Currency);
        Int128 costNanos = ReportTerms.NanosOf(response.Cost);
        bool hasValue = response.Outcomes.Any(outcome => outcome.ValuePerUnit is not null);
        if (hasValue && costNanos > 0)
        {
            Int128 milli = ReportTerms.Ratio(valueNanos * Thousand, costNanos);
            response.ReturnMilli = (long)Int128.Clamp(milli, long.MinValue, long.MaxValue);
        }

        Judge(response, hasValue);
        return response;
    }

    private Int128 AddOutcomes(GetInitiativeResponse response)
    {
        Int128 all = 0;
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // A constant of this file; values are parameters.
        command.CommandText = SelectDeltas;
#pragma warning restore CA2100
        (long start, long end) = ReportTerms.QuartersOf(query.Period);
        command.Parameters.AddWithValue("$tenant", sums.Tenant);
        command.Parameters.AddWithValue("$start", start);
        command.Parameters.AddWithValue("$end", end);
        command.Parameters.AddWithValue("$use_case", query.UseCase);
        using SqliteDataReader reader = command.ExecuteReader();
        UseCase? useCase = sums.Names.UseCaseOf(query.UseCase);
        while (reader.Read())
        {
            var outcome = new OutcomeValue
            {
                Metric = reader.GetString(0),
                DeltaMillionths = reader.GetInt64(1),
                Runs = reader.GetInt64(2),
            };
            response.Outcomes.Add(outcome);
            if (useCase?.Outcomes.TryGetValue(outcome.Metric, out OutcomeRule? rule) != true || rule?.Value is null)
                continue;
            Int128 nanos = ReportTerms.Ratio(outcome.DeltaMillionths * ReportTerms.NanosOf(rule.Value), Million);
            outcome.ValuePerUnit = ReportTerms.ToMoney(ReportTerms.NanosOf(rule.Value), sums.Currency);
            outcome.Value = ReportTerms.ToMoney(nanos, sums.Currency);
            all += nanos;
        }

        return all;
    }

    // What is not known says watch; then the return decides, and a budget that does not suffice turns go into watch.
    private void Judge(GetInitiativeResponse response, bool hasValue)
    {
        if (!hasValue) response.Reasons.Add(InitiativeReason.NoValue);
        if (response.Runs < RunsMin) response.Reasons.Add(InitiativeReason.FewRuns);
        if (ReportTerms.NanosOf(response.Cost) <= 0) response.Reasons.Add(InitiativeReason.NoCost);
        bool isKnown = response.Reasons.Count == 0;
        InitiativeVerdict verdict = InitiativeVerdict.Watch;
        if (isKnown && response.ReturnMilli < query.StopMilli)
        {
            response.Reasons.Add(InitiativeReason.ReturnBelowStop);
            verdict = InitiativeVerdict.Stop;
        }
        else if (isKnown && response.ReturnMilli < query.GoMilli)
            response.Reasons.Add(InitiativeReason.ReturnBetween);
        else if (isKnown)
        {
            response.Reasons.Add(InitiativeReason.ReturnAboveGo);
            verdict = InitiativeVerdict.Go;
        }

        WindowForecast[] capped = [.. response.Windows.Where(window => window.HardCap is not null)];
        bool isAbove = capped.Any(window => IsAbove(window.Expected, window.HardCap));
        if (capped.Length == 0) response.Reasons.Add(InitiativeReason.NoBudget);
        else if (isAbove) response.Reasons.Add(InitiativeReason.ForecastAboveBudget);
        else if (capped.Any(window => IsAbove(window.High, window.HardCap)))
            response.Reasons.Add(InitiativeReason.ForecastMayExceed);
        bool isCovered = capped.Length > 0 && !isAbove;
        response.Verdict = verdict == InitiativeVerdict.Go && !isCovered ? InitiativeVerdict.Watch : verdict;
    }

    private static bool IsAbove(Money? amount, Money cap) =>
        amount is not null && ReportTerms.NanosOf(amount) > ReportTerms.NanosOf(cap);
}
