namespace AgentBudget.Reporting.Tests;

/// <summary>A reports file in a folder of its own.</summary>
internal sealed class ReportFile : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-reports-");

    public string Path => System.IO.Path.Combine(_folder.FullName, "reports.db");

    public void Dispose() => _folder.Delete(recursive: true);
}
