using System.Diagnostics;

namespace AgentBudget.Bench;

/// <summary>Where the programs to measure are built from.</summary>
internal static class Repository
{
    public static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "AgentBudget.sln"))) return folder.FullName;
        }
        throw new InvalidOperationException("the repository was not found above " + AppContext.BaseDirectory);
    }

    /// <summary>Builds a project of the repository for release.</summary>
    public static async Task BuildAsync(string project, CancellationToken cancellationToken)
    {
        Console.Error.WriteLine($"building {project}");
        string root = Root();
        string[] arguments = ["build", "-c", "Release", "-v", "quiet", "--nologo", Path.Combine(root, project)];
        using var build = Process.Start(new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = root })!;
        await build.WaitForExitAsync(cancellationToken);
        if (build.ExitCode != 0) throw new InvalidOperationException($"{project} does not build");
    }
}
