using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Grains.Tests.Support;

/// <summary>What all silos of a cluster log, from Information on: tests read it and fail on errors.</summary>
internal sealed class ClusterLog : ILoggerFactory
{
    private readonly ConcurrentQueue<Entry> _entries = new();

    /// <summary>Errors that the test brings about, by a part of their text.</summary>
    public ConcurrentBag<string> Expected { get; } = [];

    public int Count(int id) => _entries.Count(entry => entry.Id == id);

    /// <summary>Everything from a level on, for a message that says what went wrong.</summary>
    public string TextFrom(LogLevel level) => string.Join(
        Environment.NewLine, _entries.Where(entry => entry.Level >= level).Select(entry => entry.Text));

    public void AssertNoUnexpectedError()
    {
        string[] errors =
        [
            .. _entries
                .Where(entry => entry.Level >= LogLevel.Error)
                .Where(entry => !Expected.Any(part => entry.Text.Contains(part, StringComparison.Ordinal)))
                .Select(entry => entry.Text),
        ];
        if (errors.Length > 0) Assert.Fail(string.Join(Environment.NewLine, errors));
    }

    public ILogger CreateLogger(string categoryName) => new CategoryLog(this, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    private sealed record Entry(LogLevel Level, int Id, string Text);

    private sealed class CategoryLog(ClusterLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel)) return;
            string text = $"{logLevel} {category}[{eventId.Id}] {formatter(state, exception)} {exception}";
            log._entries.Enqueue(new Entry(logLevel, eventId.Id, text));
        }
    }
}
