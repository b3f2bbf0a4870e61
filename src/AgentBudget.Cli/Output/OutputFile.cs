namespace AgentBudget.Cli.Output;

/// <summary>Files that commands write: whole or not at all.</summary>
internal static class OutputFile
{
    public static async Task WriteAsync(string file, string text, CancellationToken cancellation)
    {
        string beside = $"{file}.{Environment.ProcessId}";
        try
        {
            await File.WriteAllTextAsync(beside, text, cancellation);
            File.Move(beside, file, overwrite: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.CannotCreate, $"{file} cannot be written: {fault.Message}", fault);
        }
        finally
        {
            File.Delete(beside);
        }
    }
}
