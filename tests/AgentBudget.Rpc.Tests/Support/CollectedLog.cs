using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Rpc.Tests.Support;

/// <summary>Keeps what was logged as a warning or worse.</summary>
internal sealed class CollectedLog : ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<string> _problems = [];

    internal IReadOnlyCollection<string> Problems => _problems;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        string line = $"{logLevel} {eventId.Id}: {formatter(state, exception)} {exception}";
        if (logLevel >= LogLevel.Warning)
            _problems.Enqueue(line);
    }

    public void Dispose()
    {
    }
}
