using System.Diagnostics;
using System.Diagnostics.Metrics;
using AgentBudget.Gateway.Calls;

namespace AgentBudget.Gateway;

/// <summary>
/// What the gateway measures, by OpenTelemetry's conventions for generative AI. No prompt, key, session or user is in a
/// label: operations, upstreams, models that were granted, statuses.
/// </summary>
internal sealed class GatewayTelemetry : IDisposable
{
    /// <summary>The name of its meter and of its traces.</summary>
    public const string Name = "AgentBudget.Gateway";

    private static readonly ActivitySource Activities = new(Name);

    private readonly Histogram<double> _durations;
    private readonly Histogram<double> _firstBytes;
    private readonly Histogram<long> _tokens;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _settled;

    /// <param name="scope">The scope of the meter, by which its owner tells it from others'.</param>
    public GatewayTelemetry(object? scope)
    {
        Meter = new Meter(new MeterOptions(Name) { Scope = scope });
        _durations = Meter.CreateHistogram<double>(
            "gen_ai.server.request.duration", "s", "From a call's first byte to its answer's last.");
        _firstBytes = Meter.CreateHistogram<double>(
            "gen_ai.server.time_to_first_token", "s", "From a call's first byte to its answer's first event.");
        _tokens = Meter.CreateHistogram<long>(
            "gen_ai.client.token.usage", "{token}", "Tokens that calls settled.");
        _refusals = Meter.CreateCounter<long>(
            "agentbudget.gateway.refusals", "{call}", "Calls that were refused and not forwarded.");
        _settled = Meter.CreateCounter<long>(
            "agentbudget.gateway.calls", "{call}", "Calls that were forwarded, by how they were settled.");
    }

    public Meter Meter { get; }

    /// <summary>Begins the trace of a call; null where nobody listens.</summary>
    public static Activity? Begin(string operation) =>
        Activities.StartActivity(operation, ActivityKind.Server)?.SetTag("gen_ai.operation.name", operation);

    /// <summary>Ends it with what is known of the call.</summary>
    public static void End(Activity? span, CallTrace trace, int status)
    {
        if (span is null) return;
        span.SetTag("http.response.status_code", status);
        if (trace.Upstream.Length > 0) span.SetTag("gen_ai.provider.name", trace.Upstream);
        if (trace.Model.Length > 0) span.SetTag("gen_ai.request.model", trace.Model);
        if (trace.AnsweredModel.Length > 0) span.SetTag("gen_ai.response.model", trace.AnsweredModel);
        if (trace.InputTokens is { } input) span.SetTag("gen_ai.usage.input_tokens", input);
        if (status >= 400) span.SetStatus(ActivityStatusCode.Error);
    }

    public void Refused(string operation, string reason) =>
        _refusals.Add(1, new("gen_ai.operation.name", operation), new("reason", reason));

    public void Settled(string operation, string upstream, string how) =>
        _settled.Add(
            1, new("gen_ai.operation.name", operation), new("gen_ai.provider.name", upstream), new("how", how));

    public void FirstByte(string operation, string upstream, TimeSpan time) => _firstBytes.Record(
        time.TotalSeconds, new("gen_ai.operation.name", operation), new("gen_ai.provider.name", upstream));

    public void Ended(string operation, string upstream, int status, TimeSpan time)
    {
        TagList tags = new()
        {
            { "gen_ai.operation.name", operation },
            { "gen_ai.provider.name", upstream },
            { "http.response.status_code", status },
        };
        _durations.Record(time.TotalSeconds, tags);
    }

    public void Tokens(string operation, string upstream, long tokens) => _tokens.Record(
        tokens, new("gen_ai.operation.name", operation), new("gen_ai.provider.name", upstream));

    public void Dispose() => Meter.Dispose();
}
