using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting;

/// <summary>The tables of runs and of the baselines that their outcomes are compared with.</summary>
internal static class RunTables
{
    /// <summary>A run has a row from its first spend on; what is said of its end is NULL until then.</summary>
    public const string Tables = """
        CREATE TABLE run (
          tenant TEXT NOT NULL, run TEXT NOT NULL, cost INTEGER NOT NULL, cost_high INTEGER NOT NULL,
          ended INTEGER, succeeded INTEGER,
          agent TEXT, use_case TEXT, business_unit TEXT,
          PRIMARY KEY (tenant, run)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX run_ended ON run (tenant, ended) WHERE ended IS NOT NULL;
        CREATE TABLE run_metric (
          tenant TEXT NOT NULL, run TEXT NOT NULL, metric TEXT NOT NULL, delta INTEGER NOT NULL,
          PRIMARY KEY (tenant, run, metric)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE baseline (
          tenant TEXT NOT NULL, use_case TEXT NOT NULL, metric TEXT NOT NULL, millionths INTEGER NOT NULL,
          PRIMARY KEY (tenant, use_case, metric)
        ) STRICT, WITHOUT ROWID;
        """;

    public const string DeleteTenant = """
        DELETE FROM run WHERE tenant = $tenant; DELETE FROM run_metric WHERE tenant = $tenant;
        DELETE FROM baseline WHERE tenant = $tenant;
        """;

    private const string SelectBaselines = "SELECT use_case, metric, millionths FROM baseline WHERE tenant = $tenant";

    /// <summary>A tenant's baselines as written.</summary>
    public static Baselines ReadBaselines(SqliteConnection connection, string tenant)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = SelectBaselines;
        command.Parameters.AddWithValue("$tenant", tenant);
        using SqliteDataReader reader = command.ExecuteReader();
        var millionths = new Dictionary<(string, string), long>();
        while (reader.Read()) millionths.Add((reader.GetString(0), reader.GetString(1)), reader.GetInt64(2));
        return new Baselines(millionths);
    }
}
