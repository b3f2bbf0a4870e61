using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Upstreams.Demo;

namespace AgentBudget.Gateway.Upstreams;

/// <summary>One upstream with its connections.</summary>
internal sealed class Upstream : IDisposable
{
    private readonly HttpMessageInvoker _invoker;

    public Upstream(UpstreamModel model, TimeProvider time)
    {
        Model = model;
        HttpMessageHandler handler = model.Kind == UpstreamKind.Demo
            ? new DemoModel(time)
            : GuardedConnection.MakeHandler(model.AllowPrivate);
        _invoker = new HttpMessageInvoker(handler, disposeHandler: true);
    }

    public UpstreamModel Model { get; }

    public string Name => Model.Name;

    /// <summary>Sends a call and answers when the headers are there.</summary>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        Authorize(request);
        return _invoker.SendAsync(request, cancellation);
    }

    public void Dispose() => _invoker.Dispose();

    private void Authorize(HttpRequestMessage request)
    {
        if (Model.Key is not { } key) return;
        (string header, string value) = Model.Kind switch
        {
            UpstreamKind.Anthropic => ("x-api-key", key),
            UpstreamKind.Gemini => ("x-goog-api-key", key),
            UpstreamKind.Demo or UpstreamKind.OpenAi or UpstreamKind.OpenAiCompatible =>
                ("Authorization", $"Bearer {key}"),
        };
        request.Headers.TryAddWithoutValidation(header, value);
    }
}

/// <summary>Which upstream serves a model, and under which name.</summary>
/// <param name="Upstream">Where it goes.</param>
/// <param name="ModelId">What the upstream calls it.</param>
internal sealed record UpstreamRoute(Upstream Upstream, string ModelId);

/// <summary>All upstreams.</summary>
internal sealed class UpstreamSet : IDisposable
{
    public UpstreamSet(GatewayModel model, TimeProvider time) =>
        All = [.. model.Upstreams.Select(upstream => new Upstream(upstream, time))];

    public IReadOnlyList<Upstream> All { get; }

    /// <summary>The first upstream of one of the kinds that serves a model; null where none does.</summary>
    public UpstreamRoute? Find(string model, Func<UpstreamKind, bool> speaks)
    {
        foreach (Upstream upstream in All)
        {
            if (!speaks(upstream.Model.Kind)) continue;
            foreach (ModelRule rule in upstream.Model.Models)
            {
                if (rule.UpstreamIdOf(model) is { } id) return new UpstreamRoute(upstream, id);
            }
        }

        return null;
    }

    public void Dispose()
    {
        foreach (Upstream upstream in All) upstream.Dispose();
    }
}
