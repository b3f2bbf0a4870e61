namespace AgentBudget.Dashboard.Tests.Support;

/// <summary>A site whose ledger has a hundred days in it before its silo starts: what reports are asked of.</summary>
public sealed class PastSite : Site
{
    internal Past Past { get; } = new(TimeProvider.System.GetUtcNow().UtcDateTime);

    private protected override Task PrepareAsync() => Past.WriteAsync(Path.Combine(Silo.Folder, "ledger"));

    // It is in the ledger.
    private protected override Task ApplyCatalogAsync() => Task.CompletedTask;
}
