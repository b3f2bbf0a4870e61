using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Gateway.Upstreams;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Gateway;

/// <summary>
/// What the gateway serves. Everything else is refused by name: what it cannot count it does not forward.
/// </summary>
internal static class GatewayRoutes
{
    // A base URL may say the use case of its calls.
    private static readonly string[] Prefixes = ["", $"/u/{{{CallerContext.UseCaseRoute}}}"];

    public static void Map(WebApplication app, GatewayServices services)
    {
        ModelCallPath chat = new(services, ChatDialect.Instance), messages = new(services, MessagesDialect.Instance);
        foreach (string prefix in Prefixes)
        {
            app.MapPost($"{prefix}/v1/chat/completions", chat.HandleAsync);
            app.MapPost($"{prefix}/v1/messages", messages.HandleAsync);
            app.MapPost($"{prefix}/v1/messages/count_tokens", http => Run(services, http, "count_tokens", CountAsync));
            app.MapGet($"{prefix}/v1/models", http => Run(services, http, "models", ModelsAsync));
            app.MapGet($"{prefix}/v1/budget", http => Run(services, http, "budget", BudgetAsync));
        }

        app.MapMethods("/api/hello", ["GET", "HEAD"], static _ => Task.CompletedTask); // Claude Code looks for it.
        app.MapFallback(http => Run(services, http, "unknown", static (_, http, _) => throw new CallRefusedException(
            RefusalKind.NotFound,
            $"{http.Request.Method} {http.Request.Path} is not served here: what it costs is not counted. Served are "
            + "/v1/chat/completions, /v1/messages, /v1/messages/count_tokens, /v1/models and /v1/budget.")));
    }

    private static Task Run(
        GatewayServices services,
        HttpContext http,
        string operation,
        Func<GatewayServices, HttpContext, CallTrace, Task> call) =>
        CallEdge.RunAsync(services, ErrorsOf(http.Request), operation, http, (_, trace) => call(services, http, trace));

    private static ErrorShape ErrorsOf(HttpRequest request) => IsAnthropic(request)
        ? AnthropicErrors.Instance
        : OpenAiErrors.Instance;

    private static bool IsAnthropic(HttpRequest request) => request.Headers.ContainsKey("anthropic-version")
        || request.Path.Value!.Contains("/messages", StringComparison.Ordinal);

    // Counting needs a session that lives, and no budget.
    private static async Task CountAsync(GatewayServices services, HttpContext http, CallTrace trace)
    {
        using SessionUse spender = await LiveAsync(services, http);
        using BodyReader.Held held = await services.Bodies.ReadAsync(http.Request, http.RequestAborted);
        Dialect dialect = MessagesDialect.Instance;
        using CallBody body = CallBody.Parse(held.Bytes, dialect.Members);
        string model = ChatDialect.ModelOf(body);
        UpstreamRoute route = services.Upstreams.Find(model, dialect.Speaks) ?? throw new CallRefusedException(
            RefusalKind.NotFound, $"No upstream serves {model} in this dialect.");
        trace.Upstream = route.Upstream.Name;
        if (route.ModelId != model) body.Set("model", JsonSerializer.SerializeToUtf8Bytes(route.ModelId));
        using HttpRequestMessage request = ForwardedCall.Make(
            http.Request, dialect, "v1/messages/count_tokens", route, body.ToBytes());
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

    private static async Task ModelsAsync(GatewayServices services, HttpContext http, CallTrace trace)
    {
        using SessionUse spender = await LiveAsync(services, http);
        GetSessionResponse answer = await services.Client.GetSessionAsync(
            new GetSessionRequest { SessionToken = spender.Token }, http.RequestAborted);
        bool isAnthropic = IsAnthropic(http.Request);
        Func<UpstreamKind, bool> speaks =
            isAnthropic ? MessagesDialect.Instance.Speaks : ChatDialect.Instance.Speaks;
        JsonArray models = [];
        foreach (string id in answer.Session.Models.Where(id => services.Upstreams.Find(id, speaks) is not null))
        {
            models.Add(isAnthropic
                ? new JsonObject { ["type"] = "model", ["id"] = id, ["display_name"] = id, ["created_at"] = Epoch }
                : new JsonObject { ["id"] = id, ["object"] = "model", ["created"] = 0, ["owned_by"] = "agentbudget" });
        }

        await WriteAsync(http, isAnthropic
            ? new JsonObject
            {
                ["data"] = models,
                ["has_more"] = false,
                ["first_id"] = models.Count > 0 ? (string)models[0]!["id"]! : null,
                ["last_id"] = models.Count > 0 ? (string)models[^1]!["id"]! : null,
            }
            : new JsonObject { ["object"] = "list", ["data"] = models });
    }

    private const string Epoch = "1970-01-01T00:00:00Z";

    // What is left, as the contract's GetBalance answers it.
    private static async Task BudgetAsync(GatewayServices services, HttpContext http, CallTrace trace)
    {
        using SessionUse spender = await LiveAsync(services, http);
        GetBalanceResponse balance = await services.Client.GetBalanceAsync(
            new GetBalanceRequest { SessionToken = spender.Token }, http.RequestAborted);
        JsonObject json = JsonNode.Parse(JsonFormatter.Default.Format(balance))!.AsObject();
        json.Insert(0, "session", spender.Session);
        await WriteAsync(http, json);
    }

    private static async Task<SessionUse> LiveAsync(GatewayServices services, HttpContext http)
    {
        SessionUse spender = await services.Sessions.TakeAsync(
            CallerKey.Of(http.Request), CallerContext.Of(http.Request), http.RequestAborted);
        try
        {
            GetSessionResponse answer = await services.Client.GetSessionAsync(
                new GetSessionRequest { SessionToken = spender.Token }, http.RequestAborted);
            Session.Types.State state = answer.Session.State;
            if (state is Session.Types.State.Open or Session.Types.State.Suspended) return spender;
            throw new CallRefusedException(
                RefusalKind.Unauthenticated, $"{answer.Session.Session_} is {state.ToString().ToLowerInvariant()}.");
        }
        catch
        {
            spender.Dispose();
            throw;
        }
    }

    private static Task WriteAsync(HttpContext http, JsonObject json)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(json);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        return http.Response.Body.WriteAsync(body, http.RequestAborted).AsTask();
    }
}
