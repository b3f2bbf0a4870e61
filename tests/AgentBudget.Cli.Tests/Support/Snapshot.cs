using System.Text.RegularExpressions;

namespace AgentBudget.Cli.Tests.Support;

/// <summary>
/// Output that is compared with a file of <c>Snapshots</c>, after what differs from run to run is named instead.
/// AGENTBUDGET_SNAPSHOTS=write writes the files anew: read their difference before you commit it.
/// </summary>
internal static partial class Snapshot
{
    private static readonly bool IsWriting = Environment.GetEnvironmentVariable("AGENTBUDGET_SNAPSHOTS") == "write";
    private static readonly string Folder = Path.Combine(FindRoot(), "tests", "AgentBudget.Cli.Tests", "Snapshots");

    public static void Matches(string name, string text)
    {
        string file = Path.Combine(Folder, name + ".txt");
        string shown = Named(text);
        if (IsWriting) File.WriteAllText(file, shown);
        Assert.True(File.Exists(file), $"There is no snapshot {file}: run with AGENTBUDGET_SNAPSHOTS=write.");
        Assert.Equal(File.ReadAllText(file), shown);
    }

    // Longest first, so that a time within a token is not named twice.
    private static string Named(string text)
    {
        text = Token().Replace(text, "TOKEN");
        text = Hash().Replace(text, "HASH");
        text = Time().Replace(text, "2026-01-01T00:00:00Z");
        text = Port().Replace(text, "127.0.0.1:PORT");
        text = TempFolder().Replace(text, "FOLDER");
        return string.Join('\n', text.Split('\n').Select(line => line.TrimEnd()));
    }

    public static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AgentBudget.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException("no AgentBudget.sln above the tests");
    }

    [GeneratedRegex(@"eyJ[\w-]+\.[\w-]+\.[\w-]+")]
    private static partial Regex Token();

    [GeneratedRegex(@"\b[0-9a-f]{64}\b")]
    private static partial Regex Hash();

    [GeneratedRegex(@"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")]
    private static partial Regex Time();

    [GeneratedRegex(@"127\.0\.0\.1:\d+")]
    private static partial Regex Port();

    [GeneratedRegex(@"/\S*/agentbudget-(cli|faults)-\w+")]
    private static partial Regex TempFolder();
}
