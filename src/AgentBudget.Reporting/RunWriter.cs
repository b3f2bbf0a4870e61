using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting;

/// <summary>Writes what waits of tenants' runs, within one transaction.</summary>
internal sealed class RunWriter : IDisposable
{
    private const string AddRun = """
        INSERT INTO run (tenant, run, cost, cost_high) VALUES ($tenant, $run, $cost, $cost_high)
        ON CONFLICT DO UPDATE SET cost = cost + excluded.cost, cost_high = cost_high + excluded.cost_high
        """;

    private const string EndRun = """
        UPDATE run SET ended = $ended, succeeded = $succeeded, agent = $agent, use_case = $use_case,
          business_unit = $business_unit
        WHERE tenant = $tenant AND run = $run
        """;

    private const string AddMetric = "INSERT INTO run_metric VALUES ($tenant, $run, $metric, $delta)";

    private const string AddChild = """
        INSERT INTO child VALUES ($tenant, $session, $parent, $run, $opened, $from_use_case, $from_business_unit,
          $agent, $use_case, $business_unit)
        """;

    private readonly SqliteCommand _addRun;
    private readonly SqliteCommand _endRun;
    private readonly SqliteCommand _addMetric;
    private readonly SqliteCommand _addChild;

    public RunWriter(SqliteConnection connection, SqliteTransaction transaction)
    {
        _addRun = Command(AddRun, "$tenant", "$run", "$cost", "$cost_high");
        _endRun = Command(EndRun, "$tenant", "$run", "$ended", "$succeeded", "$agent", "$use_case", "$business_unit");
        _addMetric = Command(AddMetric, "$tenant", "$run", "$metric", "$delta");
        _addChild = Command(
            AddChild, "$tenant", "$session", "$parent", "$run", "$opened", "$from_use_case", "$from_business_unit",
            "$agent", "$use_case", "$business_unit");

        SqliteCommand Command(string sql, params ReadOnlySpan<string> names)
        {
            SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Every text is a constant above; values are parameters.
            command.CommandText = sql;
#pragma warning restore CA2100
            command.Transaction = transaction;
            foreach (string name in names) command.Parameters.Add(new SqliteParameter { ParameterName = name });
            return command;
        }
    }

    /// <summary>Adds costs, ends, metrics and subagents of a tenant's runs.</summary>
    public void Write(TenantSums sums)
    {
        foreach ((string run, RunSums pending) in sums.PendingRuns)
        {
            Execute(
                _addRun, sums.Tenant, run, WideColumn.Low(pending.CostNanos), WideColumn.High(pending.CostNanos));
            if (pending.End is not { } end) continue;
            Execute(
                _endRun, sums.Tenant, run, end.Quarter, end.IsSuccess ? 1L : 0L, end.Agent, end.UseCase,
                end.BusinessUnit);
            foreach (OutcomeDelta delta in end.Deltas)
                Execute(_addMetric, sums.Tenant, run, delta.Metric, delta.Millionths);
        }

        foreach (ChildSession child in sums.PendingChildren)
        {
            Execute(
                _addChild, sums.Tenant, child.Own.Session, child.Own.Parent, child.Own.Run, child.Quarter,
                child.From.UseCase, child.From.BusinessUnit, child.Own.Agent, child.Own.UseCase,
                child.Own.BusinessUnit);
        }
    }

    public void Dispose()
    {
        _addRun.Dispose();
        _endRun.Dispose();
        _addMetric.Dispose();
        _addChild.Dispose();
    }

    private static void Execute(SqliteCommand command, params ReadOnlySpan<object> values)
    {
        for (int i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i];
        command.ExecuteNonQuery();
    }
}
