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
}
