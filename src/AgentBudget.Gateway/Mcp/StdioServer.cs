using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Options;

namespace AgentBudget.Gateway.Mcp;

/// <summary>
/// Runs a program that speaks the protocol on its standard streams, and looks to the proxy like a server of streamable
/// HTTP: one process for each session, started by its initialize and ended by its DELETE, by idleness or with the
/// gateway.
/// </summary>
internal sealed class StdioServer : HttpMessageHandler
{
    /// <summary>Whose a request is: tenant and agent.</summary>
    public static readonly HttpRequestOptionsKey<string> Agent = new("agent");

    private readonly McpModel _model;
    private readonly TimeSpan _idle;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<string, StdioSession> _sessions = new(StringComparer.Ordinal);
    private readonly ITimer _sweep;
    private readonly SharedBound _programs;

    public StdioServer(McpModel model, TimeSpan idle, SharedBound programs, TimeProvider time)
    {
        _programs = programs;
        _model = model;
        _idle = idle;
        _time = time;
        _sweep = time.CreateTimer(_ => Sweep(), state: null, idle / 4, idle / 4);
    }

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        string? id = request.Headers.TryGetValues(McpProxy.SessionHeader, out IEnumerable<string>? ids)
            ? ids.First()
            : null;
        StdioSession? session = id is null ? null : _sessions.GetValueOrDefault(id);
        if (id is not null && session is null) return new HttpResponseMessage(HttpStatusCode.NotFound);
        if (request.Method == HttpMethod.Delete)
        {
            if (session is not null) End(session);
            return new HttpResponseMessage(HttpStatusCode.OK);
        }

        if (request.Method == HttpMethod.Get)
            return session is null ? new(HttpStatusCode.BadRequest) : Events(session.Listen());
        byte[] body = await request.Content!.ReadAsByteArrayAsync(cancellationToken);
        JsonNode message = JsonNode.Parse(body)!;
        if (session is null)
        {
            if ((string?)message["method"] != "initialize") return new(HttpStatusCode.BadRequest);
            session = Start(request.Options.TryGetValue(Agent, out string? agent) ? agent : "");
        }

        // A line is a message, so it has no line end within.
        string line = message.ToJsonString();
        bool isRequest = message["method"] is not null && message["id"] is not null;
        HttpResponseMessage response = isRequest
            ? Events(session.Ask(message["id"]!.ToJsonString(), out Action leave), leave)
            : new HttpResponseMessage(HttpStatusCode.Accepted);
        await session.WriteAsync(line, cancellationToken);
        response.Headers.TryAddWithoutValidation(McpProxy.SessionHeader, session.Id);
        return response;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _sweep.Dispose();
            foreach (StdioSession session in _sessions.Values) End(session);
        }

        base.Dispose(disposing);
    }

    private static HttpResponseMessage Events(Stream events, Action? onEnd = null) => new(HttpStatusCode.OK)
    {
        Content = new EventContent(events, onEnd)
        {
            Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") },
        },
    };

    private StdioSession Start(string agent)
    {
        string full = _programs.TryTake(agent) switch
        {
            Room.Taken => "",
            Room.ShareIsFull => $"As many programs of {_model.Name} as one agent may have run for this one.",
            Room.AllIsFull => $"As many programs of {_model.Name} as may run at once do.",
        };
        if (full.Length > 0)
            throw new CallRefusedException(
                RefusalKind.Busy, $"{full} End a session of it with DELETE, or try again when one has been idle.");

        StdioSession session;
        try
        {
            session = new StdioSession(_model, agent, _time);
        }
        catch (Exception fault) when (fault is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            _programs.GiveBack(agent);
            throw new HttpRequestException(HttpRequestError.ConnectionError, fault.Message, fault);
        }

        _sessions[session.Id] = session;
        session.Ended = () => End(session);
        return session;
    }

    private void End(StdioSession session)
    {
        if (!_sessions.TryRemove(session.Id, out _)) return;
        _programs.GiveBack(session.Agent);
        session.Dispose();
    }

    private sealed class EventContent(Stream events, Action? onEnd) : StreamContent(events)
    {
        protected override void Dispose(bool disposing)
        {
            if (disposing) onEnd?.Invoke();
            base.Dispose(disposing);
        }
    }

    private void Sweep()
    {
        foreach (StdioSession session in _sessions.Values)
        {
            if (session.IsIdle(_idle)) End(session);
        }
    }
}
