using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AgentBudget.Silo.Tests.Support;

/// <summary>Keeps what was logged at a level or above it, of all categories.</summary>
internal sealed class CollectedLog(LogLevel least) : ILoggerFactory
{
    private readonly FakeLogCollector _collector = FakeLogCollector.Create(new FakeLogCollectorOptions
    {
        FilteredLevels = Enum.GetValues<LogLevel>().Where(level => level >= least).ToHashSet(),
    });

    internal IReadOnlyList<string> Problems => Lines(LogLevel.Warning);

    internal IReadOnlyList<string> Lines(LogLevel atLeast) =>
    [
        .. _collector.GetSnapshot().Where(record => record.Level >= atLeast)
            .Select(record => $"{record.Level} {record.Id.Id}: {record.Message} {record.Exception}"),
    ];

    public ILogger CreateLogger(string categoryName) => new FakeLogger(_collector, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
