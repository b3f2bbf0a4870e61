using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net;
using AgentBudget.Silo.Options;
using AgentBudget.Silo.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace AgentBudget.Silo.Tests;

/// <summary>What a host with the silo's telemetry tells, and to whom.</summary>
public sealed class TelemetryTests
{
    [Fact]
    public async Task Instruments_have_the_names_units_and_labels_of_the_document()
    {
        await using TelemetryHost host = await TelemetryHost.StartAsync();
        host.Calls = 3;
        host.Seconds.Record(0.5);

        string[] lines = (await host.MetricsAsync()).Split('\n');

        Assert.Contains("# TYPE agentbudget_rpc_calls_total counter", lines);
        string calls = Assert.Single(
            lines, line => line.StartsWith("agentbudget_rpc_calls_total{", StringComparison.Ordinal));
        Assert.EndsWith("} 3", Untimed(calls), StringComparison.Ordinal);
        Assert.All(
            (string[])["method=\"m\"", "code=\"\"", "kind=\"ok\""],
            label => Assert.Contains(label, calls, StringComparison.Ordinal));
        Assert.Contains("# TYPE agentbudget_append_seconds histogram", lines);
        Assert.Contains("""agentbudget_append_seconds_bucket{le="0.25"} 0""", lines.Select(Untimed));
        Assert.Contains("""agentbudget_append_seconds_bucket{le="0.5"} 1""", lines.Select(Untimed));
        Assert.Contains("""agentbudget_append_seconds_bucket{le="+Inf"} 1""", lines.Select(Untimed));
        string sum = Untimed(Assert.Single(
            lines, line => line.StartsWith("agentbudget_append_seconds_sum", StringComparison.Ordinal)));
        Assert.Equal(0.5, double.Parse(sum.Split(' ')[^1], CultureInfo.InvariantCulture));
        Assert.DoesNotContain(lines, line => line.Contains("otel_scope", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, line => line.Contains("target_info", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_answer_is_of_the_moment_and_nobody_keeps_it()
    {
        await using TelemetryHost host = await TelemetryHost.StartAsync();
        host.Calls = 1;
        string before = await host.MetricsAsync();
        host.Calls = 2;

        using HttpResponseMessage response = await host.Http.GetAsync(host.Address);

        Assert.Contains(" 2", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.NotEqual(before, await response.Content.ReadAsStringAsync());
        Assert.True(response.Headers.CacheControl!.NoStore);
        Assert.Equal("text/plain", response.Content.Headers.ContentType!.MediaType);
    }

    [Fact]
    public async Task Two_silos_in_one_process_tell_their_own()
    {
        await using TelemetryHost one = await TelemetryHost.StartAsync();
        await using TelemetryHost other = await TelemetryHost.StartAsync();
        one.Calls = 3;
        other.Calls = 5;
        one.Seconds.Record(1);

        string[] first = (await one.MetricsAsync()).Split('\n');
        string[] second = (await other.MetricsAsync()).Split('\n');

        static string Only(string[] lines, string name) =>
            Untimed(Assert.Single(lines, line => line.StartsWith(name, StringComparison.Ordinal)));
        Assert.EndsWith(" 3", Only(first, "agentbudget_rpc_calls_total{"), StringComparison.Ordinal);
        Assert.EndsWith(" 5", Only(second, "agentbudget_rpc_calls_total{"), StringComparison.Ordinal);
        Assert.EndsWith(" 1", Only(first, "agentbudget_append_seconds_count"), StringComparison.Ordinal);
        Assert.DoesNotContain(
            second, line => line.StartsWith("agentbudget_append_seconds_count", StringComparison.Ordinal));
        Assert.EndsWith(" 1", Only(first, "kestrel_active_connections{"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_traced_and_sent_where_no_collector_is_named()
    {
        await using TelemetryHost host = await TelemetryHost.StartAsync();

        Assert.NotNull(host.Services.GetService<MeterProvider>());
        Assert.Null(host.Services.GetService<TracerProvider>());
    }

    [Fact]
    public async Task A_collector_that_is_named_gets_metrics_warnings_and_traces_of_calls_alone()
    {
        ConcurrentQueue<string> asked = new();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, port: 0, listen => listen.Protocols = HttpProtocols.Http2));
        await using WebApplication collector = builder.Build();
        collector.Run(async http =>
        {
            using MemoryStream body = new();
            await http.Request.Body.CopyToAsync(body);
            asked.Enqueue($"{http.Request.Path} {System.Text.Encoding.Latin1.GetString(body.ToArray())}");
            http.Response.ContentType = "application/grpc";
            http.Response.AppendTrailer("grpc-status", "0");
            await http.Response.Body.WriteAsync(new byte[5]);
        });
        await collector.StartAsync();
        string address = collector.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.Single();
        await using (TelemetryHost host = await TelemetryHost.StartAsync(address))
        {
            await host.MetricsAsync();
            await host.Http.GetAsync(new Uri(host.Address, "/called?key=secret"));
            ILogger log = host.Services.GetRequiredService<ILogger<TelemetryTests>>();
            Tell(log, LogLevel.Warning, "a disk is slow");
            Tell(log, LogLevel.Information, "all is well");
        }

        // What had not been sent when the host ended was sent with its end.
        string all = string.Join('\n', asked);
        Assert.Contains("MetricsService/Export", all, StringComparison.Ordinal);
        Assert.Contains("agentbudget.rpc.calls", all, StringComparison.Ordinal);
        Assert.Contains("TraceService/Export", all, StringComparison.Ordinal);
        Assert.Contains("/called", all, StringComparison.Ordinal);
        Assert.Contains("LogsService/Export", all, StringComparison.Ordinal);
        Assert.Contains("a disk is slow", all, StringComparison.Ordinal);
        Assert.DoesNotContain("all is well", all, StringComparison.Ordinal);
        Assert.DoesNotContain("/metrics", all, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", all, StringComparison.Ordinal);
    }

    private static void Tell(ILogger log, LogLevel level, string message) =>
        log.Log(level, default, message, exception: null, static (state, _) => state);

    // A sample may end with the time at which it was taken.
    private static string Untimed(string line)
    {
        string[] parts = line.Split(' ');
        return parts.Length > 2 && !line.StartsWith('#') ? string.Join(' ', parts[..^1]) : line;
    }

    /// <summary>A host that measures as a silo does.</summary>
    private sealed class TelemetryHost : IAsyncDisposable
    {
        private readonly Meter _meter = new("AgentBudget.Runtime");
        private readonly WebApplication _app;

        private TelemetryHost(string? collector)
        {
            _meter.CreateObservableCounter("agentbudget.rpc.calls", Read, "{call}", "Calls that were answered.");
            Seconds = _meter.CreateHistogram(
                "agentbudget.append", "s", "How long it took.", tags: null,
                new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.25, 0.5] });
            Dictionary<string, string?> settings = collector is null ? [] : new() { ["telemetry:otlp"] = collector };
            WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port: 0));
            builder.Services.AddSiloTelemetry(
                SiloModel.From(new ConfigurationBuilder().AddInMemoryCollection(settings).Build()), _ => [_meter]);
            _app = builder.Build();
            _app.MapGet("/metrics", _app.MetricsAnswer());
            _app.MapGet("/called", () => Results.Ok());
        }

        public long Calls { get; set; }

        public Histogram<double> Seconds { get; }

        public HttpClient Http { get; } = new();

        public IServiceProvider Services => _app.Services;

        public Uri Address => new(
            new Uri(Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()),
            "/metrics");

        public static async Task<TelemetryHost> StartAsync(string? collector = null)
        {
            TelemetryHost host = new(collector);
            await host._app.StartAsync();
            return host;
        }

        public Task<string> MetricsAsync() => Http.GetStringAsync(Address).WaitAsync(TestSilo.Patience);

        public async ValueTask DisposeAsync()
        {
            Http.Dispose();
            await _app.StopAsync();
            await _app.DisposeAsync();
            _meter.Dispose();
        }

        private Measurement<long> Read() => new(Calls, new("method", "m"), new("code", ""), new("kind", "ok"));
    }
}
