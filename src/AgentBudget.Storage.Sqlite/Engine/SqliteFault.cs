using SQLitePCL;

namespace AgentBudget.Storage.Sqlite.Engine;

/// <summary>What a failed write means.</summary>
internal enum WriteFault
{
    /// <summary>Nothing was written; there may be space later.</summary>
    NoSpace,

    /// <summary>The outcome is unknown, now and for whatever is tried next: the process must end.</summary>
    Failed,
}

/// <summary>
/// A call of SQLite failed. This is the one place that sorts what that means for a write: a full disk is rolled back
/// and harmless; after any other error (I/O, a corrupt or foreign file, a lost or read-only one) nothing that this
/// process believes about the file can be trusted.
/// </summary>
internal sealed class SqliteFaultException(int code, string message)
    : Exception($"SQLite error {code}: {message}")
{
    private const int PrimaryCode = 0xff; // The extended code's low byte.

    public int Code { get; } = code;

    public WriteFault WriteFault =>
        (Code & PrimaryCode) == raw.SQLITE_FULL ? WriteFault.NoSpace : WriteFault.Failed;
}
