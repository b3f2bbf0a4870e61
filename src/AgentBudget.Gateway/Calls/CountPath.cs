using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Gateway.Upstreams;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Calls;

/// <summary>Counts the input of a call at its upstream. That needs a session that lives, and no budget.</summary>
internal sealed class CountPath(GatewayServices services, Dialect dialect)
{
    public Task HandleAsync(HttpContext http) =>
        CallEdge.RunAsync(services, dialect.Errors, $"{dialect.Name}.count", http, CountAsync);

    private async Task CountAsync(HttpContext http, CallTrace trace)
    {
        using SessionUse spender = await services.Sessions.TakeLiveAsync(http.Request, http.RequestAborted);
        using BodyReader.Held held = await services.Bodies.ReadAsync(
            http.Request, trace.Caller, http.RequestAborted);
        using CallBody body = CallBody.Parse(held.Bytes, dialect.Members);
        string model = dialect.ModelOf(body, http.Request);
        UpstreamRoute route = services.Upstreams.Find(model, dialect.Speaks)
            ?? throw ModelCallPath.NoUpstream(services.Upstreams, model);
        string path = route.Upstream.Wire.CountPathOf(dialect, http.Request, route.ModelId)
            ?? throw new CallRefusedException(
                RefusalKind.NotFound, $"{model} is served by an upstream that does not count.");
        trace.Upstream = route.Upstream.Name;
        if (route.ModelId != model) dialect.SetModel(body, route.ModelId);
        route.Upstream.Wire.Prepare(dialect, body, http.Request, route.ModelId);
        using HttpRequestMessage request = ForwardedCall.Make(http.Request, path, route, body.ToBytes());
        try
        {
            using HttpResponseMessage response = await route.Upstream.SendAsync(request, http.RequestAborted);
            ForwardedCall.CopyHeaders(response, http.Response);
            http.Response.StatusCode = (int)response.StatusCode;
            await response.Content.CopyToAsync(http.Response.Body, http.RequestAborted);
        }
        catch (HttpRequestException fault)
        {
            throw new CallRefusedException(
                RefusalKind.Upstream, $"The upstream {route.Upstream.Name} cannot be reached: {fault.Message}");
        }
    }
}
