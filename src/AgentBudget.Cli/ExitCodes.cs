namespace AgentBudget.Cli;

/// <summary>How a command ends (64 to 77 are those of sysexits, 125 to 127 those of env and nohup).</summary>
internal static class ExitCodes
{
    /// <summary>Done.</summary>
    internal const int Ok = 0;

    /// <summary>The service refused, or a diff found differences.</summary>
    internal const int Failed = 1;

    /// <summary>Bad usage.</summary>
    internal const int Usage = 64;

    /// <summary>What was given is wrong: a catalog with faults, a ledger that is not sound.</summary>
    internal const int Data = 65;

    /// <summary>A file that was named cannot be read.</summary>
    internal const int NoInput = 66;

    /// <summary>The service cannot be reached.</summary>
    internal const int Unavailable = 69;

    /// <summary>A defect of this program.</summary>
    internal const int Software = 70;

    /// <summary>A file cannot be written.</summary>
    internal const int CannotCreate = 73;

    /// <summary>The credential is refused, or may not do that.</summary>
    internal const int NotPermitted = 77;

    /// <summary>run: the command was not started, because there is no session for it.</summary>
    internal const int RunFailed = 125;

    /// <summary>run: the command is there and cannot be run.</summary>
    internal const int CannotRun = 126;

    /// <summary>run: the command is not there.</summary>
    internal const int CommandNotFound = 127;

    /// <summary>Interrupted by Ctrl+C.</summary>
    internal const int Interrupted = 130;
}
