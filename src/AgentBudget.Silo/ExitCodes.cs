namespace AgentBudget.Silo;

/// <summary>How the process ends (the numbers are those of sysexits).</summary>
internal static class ExitCodes
{
    /// <summary>A clean stop.</summary>
    internal const int Ok = 0;

    /// <summary>Bad usage or configuration.</summary>
    internal const int Usage = 64;

    /// <summary>A ledger that was verified is wrong.</summary>
    internal const int Data = 65;

    /// <summary>A bug.</summary>
    internal const int Software = 70;

    /// <summary>The store failed; the next start resolves what is on the disk.</summary>
    internal const int Storage = 74;
}
