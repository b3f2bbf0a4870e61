using AgentBudget.Client;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Gateway.Upstreams;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Calls;

/// <summary>
/// The path of a model call: read, hold, forward, pass the answer on, settle. Whatever happens after the hold, it is
/// settled or released.
/// </summary>
internal sealed class ModelCallPath(GatewayServices services, Dialect dialect)
{
    private static readonly (Dialect Dialect, string Path)[] Paths =
    [
        (ChatDialect.Instance, "/v1/chat/completions"),
        (MessagesDialect.Instance, "/v1/messages"),
        (GeminiDialect.Instance, $"/v1beta/models/MODEL{GeminiDialect.GenerateMethod}"),
    ];

    public Task HandleAsync(HttpContext http) => CallEdge.RunAsync(services, dialect, http, CallAsync);

    private async Task CallAsync(HttpContext http, CallTrace trace)
    {
        var key = CallerKey.Of(http.Request);
        var context = CallerContext.Of(http.Request);
        using BodyReader.Held held = await services.Bodies.ReadAsync(
            http.Request, trace.Caller, http.RequestAborted);
        using CallBody body = CallBody.Parse(held.Bytes, dialect.Members);
        CallShape shape = dialect.Read(body, http.Request);
        trace.Model = shape.Model;
        UpstreamRoute asked = services.Upstreams.Find(shape.Model, dialect.Speaks)
            ?? throw NoUpstream(services.Upstreams, shape.Model);
        using SessionUse spender = await services.Sessions.TakeAsync(key, context, http.RequestAborted);
        Hold hold;
        try
        {
            hold = await services.Holds.TakeAsync(shape, spender, context, http.RequestAborted);
        }
        catch (CallRefusedException refusal) when (refusal.Reason is "SESSION_CLOSED" or "SESSION_EXPIRED")
        {
            services.Sessions.Forget(spender.Session);
            throw;
        }

        await using (hold.Scope)
        {
            UpstreamRoute route = RouteOf(shape, hold, asked);
            AddHeaders(http.Response, hold, shape, spender);
            using IEnumerator<string> fallbacks = services.Model.FallbacksOf(hold.Scope.Model).GetEnumerator();
            while (true)
            {
                try
                {
                    await ForwardAsync(http, trace, body, shape, spender, hold, route);
                    return;
                }
                catch (CallRefusedException refusal) when (refusal.MayFallBack)
                {
                    if (await FallBackAsync(http, shape, hold, fallbacks) is not { } next) throw;
                    (hold, route) = next;
                }
            }
        }
    }

    private async Task ForwardAsync(
        HttpContext http,
        CallTrace trace,
        CallBody body,
        CallShape shape,
        SessionUse spender,
        Hold hold,
        UpstreamRoute route)
    {
        trace.Upstream = route.Upstream.Name;
        body.Reset();
        if (hold.InjectedMaximum is { } maximum) dialect.SetMaximum(body, maximum);
        if (route.ModelId != shape.Model) dialect.SetModel(body, route.ModelId);
        dialect.Prepare(body, shape, hold.IsDowngraded || hold.IsFallback);
        UpstreamWire wire = route.Upstream.Wire;
        wire.Prepare(dialect, body, http.Request, route.ModelId);
        using HttpRequestMessage request = ForwardedCall.Make(
            http.Request, wire.PathOf(dialect, shape, route.ModelId), route, body.ToBytes());
        await new UpstreamExchange(services, dialect, shape, spender, hold, trace).RunAsync(http, route, request);
    }

    // The next model that an upstream here has and that the budget allows; the hold is changed before it is called.
    private async Task<(Hold Hold, UpstreamRoute Route)?> FallBackAsync(
        HttpContext http, CallShape shape, Hold hold, IEnumerator<string> models)
    {
        while (models.MoveNext())
        {
            if (services.Upstreams.Find(models.Current, dialect.Speaks) is not { } route) continue;
            string before = hold.Scope.Model;
            Hold? changed;
            try
            {
                changed = await services.Holds.AmendAsync(hold, shape, models.Current, http.RequestAborted);
            }
            catch (AgentBudgetException)
            {
                return null; // Nobody can say whether it is allowed.
            }

            if (changed is null) continue;
            http.Response.Headers["x-agentbudget-model"] = HeaderText.Of(changed.Scope.Model);
            http.Response.Headers["x-agentbudget-fallback-from"] = HeaderText.Of(before);
            return (changed, route);
        }

        return null;
    }

    private UpstreamRoute RouteOf(CallShape shape, Hold hold, UpstreamRoute asked)
    {
        UpstreamRoute? granted = services.Upstreams.Find(hold.Scope.Model, dialect.Speaks);
        if (!hold.IsDowngraded) return granted ?? asked;
        return granted ?? throw new CallRefusedException(
            RefusalKind.Money,
            $"The budget allows {hold.Scope.Model} instead of {shape.Model}, and no upstream serves that here.");
    }

    // A call is brought to another dialect's upstream by nothing but its caller.
    internal static CallRefusedException NoUpstream(UpstreamSet upstreams, string model)
    {
        string[] paths =
        [
            .. Paths.Where(other => upstreams.Find(model, other.Dialect.Speaks) is not null)
                .Select(other => other.Path),
        ];
        return new CallRefusedException(RefusalKind.NotFound, paths.Length > 0
            ? $"No upstream takes {model} in this dialect. It is served at {string.Join(" and ", paths)}."
            : $"No upstream serves {model}. GET /v1/models says which are served.");
    }

    private static void AddHeaders(HttpResponse response, Hold hold, CallShape shape, SessionUse spender)
    {
        IHeaderDictionary headers = response.Headers;
        headers["x-agentbudget-reservation"] = hold.Scope.Reservation!.ReservationId;
        headers["x-agentbudget-model"] = HeaderText.Of(hold.Scope.Model);
        if (hold.IsDowngraded) headers["x-agentbudget-downgraded-from"] = HeaderText.Of(shape.Model);
        if (spender.Session.Length > 0) headers["x-agentbudget-session"] = HeaderText.Of(spender.Session);
        if (Denials.LeftOf(hold.Scope.Answer.Balance) is { Length: > 0 } left) headers["x-agentbudget-left"] = left;
    }
}
