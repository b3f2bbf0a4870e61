using System.Net.Http.Headers;
using AgentBudget.Gateway.Options;
using AgentBudget.Outbound;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Mcp;

/// <summary>One server of tools with its connections.</summary>
internal sealed class McpServer(McpModel model, TimeSpan idle, SharedBound programs, TimeProvider time) : IDisposable
{
    private static readonly HashSet<string> RequestHeaders = new(StringComparer.OrdinalIgnoreCase)
    {
        "accept", "mcp-protocol-version", "mcp-method", "mcp-name", "last-event-id", "user-agent", "traceparent",
        "tracestate",
    };

    private readonly HttpMessageInvoker _invoker = new(
        model.Command.Count > 0
            ? new StdioServer(model, idle, programs, time)
            : GuardedConnection.MakeHandler(model.AllowPrivate, "Set allowPrivate on the server to allow it."),
        disposeHandler: true);

    public string Name => model.Name;

    /// <summary>Sends a caller's request on; with the gateway's key and never the caller's.</summary>
    /// <param name="from">The request.</param>
    /// <param name="agent">Whose it is.</param>
    /// <param name="session">The server's own session, or null.</param>
    /// <param name="body">Its body, or null.</param>
    /// <param name="cancellation">Gives it up.</param>
    public Task<HttpResponseMessage> SendAsync(
        HttpRequest from, string agent, string? session, ReadOnlyMemory<byte>? body, CancellationToken cancellation)
    {
        HttpRequestMessage request = new(new HttpMethod(from.Method), new Uri(model.Address.AbsoluteUri.TrimEnd('/')));
        if (body is { } bytes)
        {
            request.Content = new ReadOnlyMemoryContent(bytes)
            {
                Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
            };
        }

        foreach ((string name, var values) in from.Headers)
        {
            if (RequestHeaders.Contains(name) || name.StartsWith("mcp-param-", StringComparison.OrdinalIgnoreCase))
                request.Headers.TryAddWithoutValidation(name, (string?[])values!);
        }

        request.Options.Set(StdioServer.Agent, agent);
        if (session is not null) request.Headers.TryAddWithoutValidation(McpProxy.SessionHeader, session);
        if (model.Key is { } key) request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        return _invoker.SendAsync(request, cancellation);
    }

    public void Dispose() => _invoker.Dispose();
}
