using System.Globalization;

namespace AgentBudget.Reporting.Tests.Stories;

/// <summary>A story folded into a file of its own, to ask reports of.</summary>
internal sealed class StoryReport : IDisposable
{
    private readonly ReportFile _file = new();

    public StoryReport(int seed, bool isPlanted)
    {
        Story = new Story(seed, isPlanted);
        Ledger = new StoryLedger(Story, isPlanted);
        Aggregator = Aggregator.Open(_file.Path);
        Aggregator.Fold(Ledgers.Tenant, Ledger.Events);
    }

    /// <summary>How many stories are told as ledgers: 20 by eng/stories.sh.</summary>
    public static int Seeds { get; } =
        Math.Max(2, int.Parse(Environment.GetEnvironmentVariable("STORIES") ?? "0", CultureInfo.InvariantCulture) / 5);

    public Story Story { get; }

    public StoryLedger Ledger { get; }

    public Aggregator Aggregator { get; }

    public void Dispose()
    {
        Aggregator.Dispose();
        _file.Dispose();
    }
}
