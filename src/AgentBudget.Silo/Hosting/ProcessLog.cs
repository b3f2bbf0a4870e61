using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Hosting;

/// <summary>Where a process logs: warnings and worse, a line each, to standard error.</summary>
internal static class ProcessLog
{
    internal static ILoggerFactory Make() => LoggerFactory.Create(logging => logging
        .SetMinimumLevel(LogLevel.Warning)
        .AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
            console.ColorBehavior = Microsoft.Extensions.Logging.Console.LoggerColorBehavior.Disabled;
        })
        .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace));
}
