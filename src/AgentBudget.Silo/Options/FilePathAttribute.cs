namespace AgentBudget.Silo.Options;

/// <summary>The path of a file or folder, from where the silo is started.</summary>
internal sealed class FilePathAttribute(string key) : ValueAttribute(key)
{
    /// <summary>Whether a file must be there.</summary>
    public bool MustExist { get; init; }

    /// <inheritdoc/>
    protected override string? FaultOf(string value)
    {
        if (value.Length == 0 || value.Contains('\0', StringComparison.Ordinal)) return "must be a path.";
        return MustExist && !File.Exists(value)
            ? $"must name a file, and {Path.GetFullPath(value)} does not exist."
            : null;
    }
}
