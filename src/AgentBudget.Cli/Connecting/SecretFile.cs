namespace AgentBudget.Cli.Connecting;

/// <summary>Files that only their user reads.</summary>
internal static class SecretFile
{
    public static void Write(string file, string text)
    {
        FileStreamOptions options = new() { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using StreamWriter writer = new(file, options);
        writer.Write(text);
    }

    /// <summary>
    /// Makes a new file before something with a secret is made, which is answered once, and writes the secret into it.
    /// Where nothing is made, or it has no secret, no file is left.
    /// </summary>
    public static async Task<T> FillAsync<T>(string file, Func<Task<T>> make, Func<T, string> secretOf)
    {
        if (File.Exists(file)) throw new CliException(ExitCodes.CannotCreate, $"{file} is there already.");
        TryWrite(file, "");
        try
        {
            T made = await make();
            if (secretOf(made).Length > 0) TryWrite(file, secretOf(made) + "\n");
            return made;
        }
        finally
        {
            if (new FileInfo(file).Length == 0) File.Delete(file);
        }
    }

    private static void TryWrite(string file, string text)
    {
        try
        {
            Write(file, text);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCodes.CannotCreate, $"{file} cannot be written: {fault.Message}", fault);
        }
    }
}
