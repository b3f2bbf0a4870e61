using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Edge;

/// <summary>
/// What Kestrel logs, with one change: that it cut a connection because of what its caller did is no emergency of this
/// server. An attacker who connects again and again would fill the log with them, so they are told at Debug.
/// </summary>
internal sealed class ConnectionLoggers(ILoggerFactory inner) : ILoggerFactory
{
    private const string Http2Category = "Microsoft.AspNetCore.Server.Kestrel.Http2";

    // "exceeded the output operations maximum queue size": what rapid reset ends in, logged as Critical.
    private const int OutputQueueExceeded = 60;

    public ILogger CreateLogger(string categoryName)
    {
        ILogger logger = inner.CreateLogger(categoryName);
        return categoryName == Http2Category ? new Http2Logger(logger) : logger;
    }

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose() => inner.Dispose();

    private sealed class Http2Logger(ILogger inner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            LogLevel level = eventId.Id == OutputQueueExceeded ? LogLevel.Debug : logLevel;
            if (inner.IsEnabled(level))
                inner.Log(level, eventId, state, exception, formatter);
        }
    }
}
