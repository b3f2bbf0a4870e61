namespace AgentBudget.Storage.Postgres;

/// <summary>How to open a PostgreSQL store.</summary>
public sealed record PostgresStoreOptions
{
    /// <summary>Where the database is, as Npgsql reads it, and the role to connect as.</summary>
    public required string Connection { get; init; }

    /// <summary>
    /// What the process calls itself, for a person who looks for a tenant's owner; nothing depends on it.
    /// </summary>
    public string OwnerAddress { get; init; } = "";
}
