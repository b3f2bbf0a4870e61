using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Upstreams.Demo;
using AgentBudget.Outbound;

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
            : GuardedConnection.MakeHandler(
                model.AllowPrivate, "Set allowPrivate on its upstream to allow it.");
        _invoker = new HttpMessageInvoker(handler, disposeHandler: true);
        Wire = UpstreamWire.Of(model, _invoker, time);
    }

    public UpstreamModel Model { get; }

    public string Name => Model.Name;

    /// <summary>How it takes calls.</summary>
    public UpstreamWire Wire { get; }

    /// <summary>Sends a call and answers when the headers are there.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        await Wire.AuthorizeAsync(request, cancellation);
        HttpResponseMessage response = await _invoker.SendAsync(request, cancellation);
        try
        {
            return await Wire.ReadAsync(request, response, cancellation);
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    public void Dispose() => _invoker.Dispose();
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
