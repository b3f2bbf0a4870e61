using AgentBudget.Storage;
using AgentBudget.Storage.Postgres.Schema;

namespace AgentBudget.Silo.Migrate;

/// <summary>Makes the tables of a shared store, or brings them up to this release, and ends.</summary>
internal static class MigrateProcess
{
    /// <summary>Answers 0 when the tables are as this release needs them, 74 when they could not be made so.</summary>
    internal static async Task<int> RunAsync(string connection, TextWriter output, TextWriter errors)
    {
        try
        {
            IReadOnlyList<string> steps = await PostgresSchema.MigrateAsync(connection, CancellationToken.None);
            foreach (string step in steps) await output.WriteLineAsync($"  {step}");
            await output.WriteLineAsync(steps.Count == 0
                ? $"The tables have version {PostgresSchema.Version} already."
                : $"The tables have version {PostgresSchema.Version}.");
            await output.WriteLineAsync(
                $"Silos log in as members of {PostgresSchema.SiloRole}, such as: CREATE ROLE silo LOGIN PASSWORD '…' "
                + $"IN ROLE {PostgresSchema.SiloRole};");
            return ExitCodes.Ok;
        }
        catch (StoreException fault)
        {
            await errors.WriteLineAsync(fault.Message);
            return ExitCodes.Storage;
        }
    }
}
