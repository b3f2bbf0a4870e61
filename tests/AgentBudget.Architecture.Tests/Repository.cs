namespace AgentBudget.Architecture.Tests;

/// <summary>The checked-out repository around the test assembly, and the text files that people write in it.</summary>
internal static class Repository
{
    private static readonly string[] FoldersOfWork =
        [".ci", "bench", "dashboard", "docs", "eng", "protos", "silo-config", "src", "tests"];

    private static readonly string[] FoldersOfOutput =
        ["bin", "obj", "node_modules", "artifacts", "data", "TestResults"];

    /// <summary>The folder that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Absolute path of a file or folder given from the root with slashes.</summary>
    public static string PathOf(string relative) => Path.Combine(Root, relative);

    /// <summary>Text of a file given from the root.</summary>
    public static string Read(string relative) => File.ReadAllText(PathOf(relative));

    /// <summary>Paths from the root, with slashes, of the files people write whose name ends so; never empty.</summary>
    public static IReadOnlyList<string> FilesEnding(params string[] endings)
    {
        List<string> files = [];
        files.AddRange(Directory.EnumerateFiles(Root).Select(RelativeTo));
        foreach (string folder in FoldersOfWork) Collect(PathOf(folder), files);
        files.RemoveAll(file => !endings.Any(ending => file.EndsWith(ending, StringComparison.Ordinal)));
        Assert.NotEmpty(files);
        files.Sort(StringComparer.Ordinal);
        return files;
    }

    private static void Collect(string folder, List<string> files)
    {
        if (!Directory.Exists(folder)) return;
        files.AddRange(Directory.EnumerateFiles(folder).Select(RelativeTo));
        foreach (string inner in Directory.EnumerateDirectories(folder))
        {
            if (!FoldersOfOutput.Contains(Path.GetFileName(inner))) Collect(inner, files);
        }
    }

    private static string RelativeTo(string file) => Path.GetRelativePath(Root, file).Replace('\\', '/');

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AgentBudget.sln")))
        {
            folder = folder.Parent;
        }
        return folder?.FullName ?? throw new DirectoryNotFoundException("no AgentBudget.sln above the tests");
    }
}
