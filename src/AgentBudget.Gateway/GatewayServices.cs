using AgentBudget.Api.Edge;
using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Envoy;
using AgentBudget.Gateway.Mcp;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Gateway.Upstreams;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Gateway;

/// <summary>What all calls of a gateway share.</summary>
internal sealed class GatewayServices : IAsyncDisposable
{
    public GatewayServices(
        GatewayModel model,
        AgentBudgetClient client,
        TimeProvider time,
        ILoggerFactory loggers,
        object? meterScope,
        GatewayBounds bounds)
    {
        Calls = new SharedBound(bounds.Calls);
        Bodies = new BodyReader(bounds.BodyBytes);
        Drains = new SharedBound(bounds.Drains);
        Model = model;
        Client = client;
        Time = time;
        Logger = loggers.CreateLogger("AgentBudget.Gateway");
        Defects = new DefectLog(loggers.CreateLogger<DefectLog>(), time);
        Upstreams = new UpstreamSet(model, time);
        Sessions = new SessionBook(client, model.Options.SessionIdle, bounds.Sessions, time, Logger);
        Watch = new SessionWatch(client, Logger);
        Telemetry = new GatewayTelemetry(meterScope);
        McpServers =
        [
            .. model.Mcp.Select(server =>
                new McpServer(server, model.Options.SessionIdle, new SharedBound(bounds.Programs), time)),
        ];
        Tools = new ToolMeter(client, time);
        Holds = new Holds(client, model.Options, Margin, time);
        EnvoyCallers = new EnvoyCallers(client, time, bounds.EnvoyCallers);
        Readiness = new Readiness(client, time);
        Hits = new HitMeter(Sessions, time, Logger);
    }

    public GatewayModel Model { get; }

    public AgentBudgetClient Client { get; }

    public TimeProvider Time { get; }

    public ILogger Logger { get; }

    public DefectLog Defects { get; }

    public UpstreamSet Upstreams { get; }

    public SessionBook Sessions { get; }

    public SessionWatch Watch { get; }

    public GatewayTelemetry Telemetry { get; }

    /// <summary>Calls that are under way, by key.</summary>
    public SharedBound Calls { get; }

    public BodyReader Bodies { get; }

    /// <summary>Streams that are drained, by agent.</summary>
    public SharedBound Drains { get; }

    public InputMargin Margin { get; } = new();

    public Holds Holds { get; }

    public IReadOnlyList<McpServer> McpServers { get; }

    public McpSessionIds McpSessions { get; } = new();

    public ToolMeter Tools { get; }

    public EnvoyCallers EnvoyCallers { get; }

    public HitMeter Hits { get; }

    public Readiness Readiness { get; }

    public async ValueTask DisposeAsync()
    {
        await Watch.DisposeAsync();
        await Sessions.DisposeAsync();
        await EnvoyCallers.DisposeAsync();
        Upstreams.Dispose();
        foreach (McpServer server in McpServers) server.Dispose();
        Telemetry.Dispose();
    }
}
