namespace AgentBudget.Reporting;

/// <summary>The tables of runs.</summary>
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
        CREATE TABLE child (
          tenant TEXT NOT NULL, session TEXT NOT NULL, parent TEXT NOT NULL, run TEXT NOT NULL,
          opened INTEGER NOT NULL, from_use_case TEXT NOT NULL, from_business_unit TEXT NOT NULL,
          agent TEXT NOT NULL, use_case TEXT NOT NULL, business_unit TEXT NOT NULL,
          PRIMARY KEY (tenant, session)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX child_run ON child (tenant, run);
        CREATE INDEX child_opened ON child (tenant, opened) WHERE from_business_unit <> business_unit;
        """;

    public const string DeleteTenant =
        "DELETE FROM run WHERE tenant = $tenant; DELETE FROM run_metric WHERE tenant = $tenant;"
        + "DELETE FROM child WHERE tenant = $tenant;";
}
