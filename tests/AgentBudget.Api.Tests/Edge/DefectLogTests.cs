using System.Net;
using AgentBudget.Api.Edge;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Api.Tests.Edge;

public sealed class DefectLogTests
{
    [Fact]
    public void A_source_has_one_line_a_second_and_the_next_says_how_many_were_not_written()
    {
        Clock clock = new();
        Lines lines = new();
        DefectLog log = new(lines, clock);
        for (int i = 0; i < 1_000; i++)
            log.Write(From("203.0.113.7"), "POST /oauth2/token", new FormatException());
        log.Write(From("203.0.113.9"), "POST /oauth2/token", new FormatException()); // The same network.
        log.Write(From("198.51.100.1"), "POST /oauth2/token", new FormatException());
        Assert.Equal(2, lines.All.Count);

        clock.Seconds++;
        log.Write(From("203.0.113.7"), "POST /oauth2/token", new FormatException());
        Assert.Equal(3, lines.All.Count);
        Assert.Contains(" 1000 ", lines.All[1], StringComparison.Ordinal);
    }

    [Fact]
    public void More_sources_than_are_told_apart_share_a_line()
    {
        Lines lines = new();
        DefectLog log = new(lines, new Clock());
        for (int i = 0; i < 5_000; i++)
            log.Write(From($"10.{i / 250}.{i % 250}.1"), "POST /oauth2/token", new FormatException());
        Assert.InRange(lines.All.Count, DefectLog.SourcesMax, DefectLog.SourcesMax + 1);
    }

    private static DefaultHttpContext From(string address)
    {
        DefaultHttpContext http = new();
        http.Connection.RemoteIpAddress = IPAddress.Parse(address);
        return http;
    }

    private sealed class Clock : TimeProvider
    {
        public long Seconds { get; set; } = 1_800_000_000;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeSeconds(Seconds);
    }

    private sealed class Lines : ILogger<DefectLog>
    {
        public List<string> All { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter) => All.Add(formatter(state, exception));
    }
}
