using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// What the server and the runtime of the grains log, with some changes. What a caller does to its own call or its own
/// connection is no emergency of this server: an attacker would fill the log with it, so it is told at Debug. The
/// runtime tells its warnings alone. And some do not log at all: the host of each request, whose mere readiness to do
/// so costs an activity; health checks, since that a silo is not ready is an answer; and the host of its own start,
/// which fails with an exception.
/// </summary>
/// <param name="inner">Logs.</param>
/// <param name="isStopping">
/// While it says so the runtime tells nothing: what still asks for a grain finds none, and is answered so.
/// </param>
internal sealed class EdgeLoggers(ILoggerFactory inner, Func<bool>? isStopping = null) : ILoggerFactory
{
    private const string RequestsCategory = "Microsoft.AspNetCore.Hosting.Diagnostics";
    private const string HealthCategory = "Microsoft.Extensions.Diagnostics.HealthChecks.DefaultHealthCheckService";
    private const string HostCategory = "Microsoft.Extensions.Hosting.Internal.Host";
    private const string KestrelCategory = "Microsoft.AspNetCore.Server.Kestrel";
    private const string Http2Category = "Microsoft.AspNetCore.Server.Kestrel.Http2";
    private const string GrpcCategory = "Grpc.AspNetCore.Server.ServerCallHandler";

    private const string RuntimeCategories = "Orleans.";
    private const string RetryCategory = "Polly"; // How the runtime tries placements again.

    // "recommend checking app config": the collector is chosen by measurement.
    private const int CollectorAdvised = 100405;

    // "Participant check thread has not completed for …": at its first look the watchdog counts from the machine's
    // start.
    private const int WatchdogLate = 100150;

    // A hint that did not come to its queue: whoever waits for it looks by itself.
    private const int HintLost = 200401;

    // "Connection processing ended abnormally": a caller left in the middle of a request. It has no number of its own.
    private const int EndedAbnormally = 0;

    // "exceeded the output operations maximum queue size": what rapid reset ends in, logged as Critical.
    private const int OutputQueueExceeded = 60;

    // "Error when executing service method": handlers' own defects are logged where they happen, so what is left is
    // what the caller sent.
    private const int CallFailed = 6;

    public ILogger CreateLogger(string categoryName) => categoryName switch
    {
        RequestsCategory or HealthCategory or HostCategory => NullLogger.Instance,
        Http2Category => new Lowered(inner.CreateLogger(categoryName), [OutputQueueExceeded]),
        KestrelCategory => new Lowered(inner.CreateLogger(categoryName), [EndedAbnormally]),
        GrpcCategory => new Lowered(inner.CreateLogger(categoryName), [CallFailed]),
        _ when categoryName == RetryCategory
            || categoryName.StartsWith(RuntimeCategories, StringComparison.Ordinal) =>
            new Lowered(
                inner.CreateLogger(categoryName),
                [CollectorAdvised, WatchdogLate, HintLost],
                LogLevel.Warning,
                isStopping),
        _ => inner.CreateLogger(categoryName),
    };

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    // The factory inside stays the caller's.
    public void Dispose()
    {
    }

    private sealed class Lowered(
        ILogger inner, int[] lowered, LogLevel least = LogLevel.Trace, Func<bool>? isSilent = null)
        : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) =>
            logLevel >= least && isSilent?.Invoke() is not true && inner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            LogLevel level = lowered.Contains(eventId.Id) ? LogLevel.Debug : logLevel;
            if (IsEnabled(level))
                inner.Log(level, eventId, state, exception, formatter);
        }
    }
}
