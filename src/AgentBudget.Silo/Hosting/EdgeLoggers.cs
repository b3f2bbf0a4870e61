using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// What the server logs, with two changes. What a caller does to its own call or its own connection is no emergency of
/// this server: an attacker would fill the log with it, so it is told at Debug. And requests are not logged one by one
/// by the host, whose mere readiness to do so costs each of them an activity.
/// </summary>
internal sealed class EdgeLoggers(ILoggerFactory inner) : ILoggerFactory
{
    private const string RequestsCategory = "Microsoft.AspNetCore.Hosting.Diagnostics";
    private const string Http2Category = "Microsoft.AspNetCore.Server.Kestrel.Http2";
    private const string GrpcCategory = "Grpc.AspNetCore.Server.ServerCallHandler";

    // "exceeded the output operations maximum queue size": what rapid reset ends in, logged as Critical.
    private const int OutputQueueExceeded = 60;

    // "Error when executing service method": handlers' own defects are logged where they happen, so what is left is
    // what the caller sent.
    private const int CallFailed = 6;

    public ILogger CreateLogger(string categoryName) => categoryName switch
    {
        RequestsCategory => NullLogger.Instance,
        Http2Category => new Lowered(inner.CreateLogger(categoryName), OutputQueueExceeded),
        GrpcCategory => new Lowered(inner.CreateLogger(categoryName), CallFailed),
        _ => inner.CreateLogger(categoryName),
    };

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    // The factory inside stays the caller's.
    public void Dispose()
    {
    }

    private sealed class Lowered(ILogger inner, int lowered) : ILogger
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
            LogLevel level = eventId.Id == lowered ? LogLevel.Debug : logLevel;
            if (inner.IsEnabled(level))
                inner.Log(level, eventId, state, exception, formatter);
        }
    }
}
