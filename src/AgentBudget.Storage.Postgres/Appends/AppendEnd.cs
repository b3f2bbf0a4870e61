using Npgsql;

namespace AgentBudget.Storage.Postgres.Appends;

/// <summary>How one attempt to append ended.</summary>
internal enum AppendEnd
{
    /// <summary>The row is there, and the commit was answered without a notice.</summary>
    Written,

    /// <summary>The statement ran and wrote no row.</summary>
    NotWritten,

    /// <summary>Undone, since there is no space.</summary>
    NoSpace,

    /// <summary>Undone for a reason that passes: the same bytes are sent again.</summary>
    Again,

    /// <summary>Nobody said.</summary>
    Unknown,
}

/// <summary>The one place that sorts what PostgreSQL says to an append.</summary>
internal static class AppendEnds
{
    /// <summary>
    /// What became of a statement that answered a number of rows. A notice comes where a commit was not replicated as
    /// it should be, so what it says is not looked at.
    /// </summary>
    public static AppendEnd Of(int rows, bool hasNotice) => (rows, hasNotice) switch
    {
        (_, true) => AppendEnd.Unknown,
        (1, false) => AppendEnd.Written,
        (0, false) => AppendEnd.NotWritten,
        _ => AppendEnd.Unknown,
    };

    /// <summary>
    /// What became of a statement that failed. After an ERROR the session goes on and the statement is undone; whatever
    /// ends the session (FATAL, PANIC, a broken connection) may have come before the commit or after it.
    /// </summary>
    public static AppendEnd Of(Exception fault) => fault is PostgresException { InvariantSeverity: "ERROR" } error
        ? error.SqlState switch
        {
            PostgresErrorCodes.DiskFull => AppendEnd.NoSpace,
            PostgresErrorCodes.SerializationFailure
                or PostgresErrorCodes.DeadlockDetected
                or PostgresErrorCodes.LockNotAvailable
                or PostgresErrorCodes.InsufficientResources
                or PostgresErrorCodes.OutOfMemory
                or PostgresErrorCodes.TooManyConnections
                or PostgresErrorCodes.ConfigurationLimitExceeded
                or PostgresErrorCodes.QueryCanceled => AppendEnd.Again,
            _ => AppendEnd.Unknown,
        }
        : AppendEnd.Unknown;
}
