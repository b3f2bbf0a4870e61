using AgentBudget.Storage.Postgres.Schema;

namespace AgentBudget.Silo.Options;

/// <summary>A connection string of PostgreSQL. It may hold a password, so no sentence repeats it.</summary>
internal sealed class PostgresAttribute(string key) : ValueAttribute(key)
{
    /// <inheritdoc/>
    protected override string? FaultOf(string value) => PostgresSchema.FaultOf(value);
}
