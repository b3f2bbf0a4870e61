namespace AgentBudget.Cli;

/// <summary>What stops a command: one sentence that says what to do, and how the process ends.</summary>
internal sealed class CliException(int exitCode, string message, Exception? inner = null) : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;

    public static CliException Usage(string message) => new(ExitCodes.Usage, message);
}
