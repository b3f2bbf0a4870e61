using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Envoy;
using AgentBudget.Gateway.Mcp;
using AgentBudget.Gateway.Sessions;
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

    private const string Served =
        "/v1/chat/completions, /v1/responses, /v1/embeddings, /v1/messages, "
        + "/v1/messages/count_tokens, /v1/responses/input_tokens, /v1beta/models/MODEL:generateContent, "
        + ":streamGenerateContent and :countTokens, /v1/models, /v1/budget and /mcp";

    public static void Map(WebApplication app, GatewayServices services)
    {
        ModelCallPath chat = new(services, ChatDialect.Instance), messages = new(services, MessagesDialect.Instance);
        ModelCallPath responses = new(services, ResponsesDialect.Instance);
        ModelCallPath embeddings = new(services, EmbeddingsDialect.Instance);
        CountPath countMessages = new(services, MessagesDialect.Instance);
        CountPath countResponses = new(services, ResponsesDialect.Instance);
        foreach (string prefix in Prefixes)
        {
            app.MapPost($"{prefix}/v1/chat/completions", chat.HandleAsync);
            app.MapPost($"{prefix}/v1/responses", responses.HandleAsync);
            app.MapPost($"{prefix}/v1/responses/input_tokens", countResponses.HandleAsync);
            app.MapPost($"{prefix}/v1/embeddings", embeddings.HandleAsync);
            app.MapPost($"{prefix}/v1/messages", messages.HandleAsync);
            app.MapPost($"{prefix}/v1/messages/count_tokens", countMessages.HandleAsync);
            app.MapGet($"{prefix}/v1/budget", http => Run(services, http, "budget", BudgetAsync));
            foreach (string version in (string[])["v1", "v1beta"]) MapGemini(app, services, $"{prefix}/{version}");
        }

        MapMcp(app, services);
        if (services.Model.Envoy is not null)
        {
            app.MapGrpcService<RateLimitCalls>();
            app.MapGrpcService<AuthorizationCalls>();
        }

        app.MapGet("/healthz", static http => http.Response.WriteAsync("ok\n")); // The process lives.
        app.MapGet("/readyz", http => AnswerReadyAsync(services, http));
        app.MapMethods("/api/hello", ["GET", "HEAD"], static _ => Task.CompletedTask); // Claude Code looks for it.
        app.MapFallback(http => Run(services, http, "unknown", static (_, http, _) => throw new CallRefusedException(
            RefusalKind.NotFound,
            $"{http.Request.Method} {http.Request.Path} is not served here: what it costs is not counted. Served are "
            + $"{Served}.")));
    }

    // Calls can be served, because the budget can be asked.
    private static async Task AnswerReadyAsync(GatewayServices services, HttpContext http)
    {
        bool isReady = await services.Readiness.IsReadyAsync();
        http.Response.StatusCode = isReady ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        await http.Response.WriteAsync(isReady ? "ready\n" : "not ready\n");
    }

    // Gemini's methods are part of the model's segment.
    private static void MapGemini(WebApplication app, GatewayServices services, string root)
    {
        ModelCallPath generate = new(services, GeminiDialect.Instance);
        CountPath count = new(services, GeminiDialect.Instance);
        string model = $"{root}/models/{{{GeminiDialect.ModelRoute}}}";
        app.MapPost(model + GeminiDialect.GenerateMethod, generate.HandleAsync);
        app.MapPost(model + GeminiDialect.StreamMethod, generate.HandleAsync);
        app.MapPost(model + GeminiDialect.CountMethod, count.HandleAsync);
        app.MapGet($"{root}/models", http => Run(services, http, "models", ModelList.AnswerAsync));
    }

    private static void MapMcp(WebApplication app, GatewayServices services)
    {
        string[] methods = ["POST", "GET", "DELETE"];
        BudgetServer own = new(services);
        foreach (string prefix in Prefixes)
        {
            app.MapPost($"{prefix}/mcp", own.HandleAsync);
            foreach (McpServer server in services.McpServers)
            {
                McpProxy proxy = new(services, server);
                app.MapMethods($"{prefix}/mcp/{server.Name}", methods, proxy.HandleAsync);
            }
        }

        app.MapGet("/.well-known/oauth-protected-resource/{**path}", McpChallenge.DescribeAsync);
    }

    public static bool IsAnthropic(HttpRequest request) => request.Headers.ContainsKey("anthropic-version")
        || request.Path.Value!.Contains("/messages", StringComparison.Ordinal);

    public static bool IsGemini(HttpRequest request) => request.Headers.ContainsKey("x-goog-api-key")
        || request.Path.Value!.Contains("/v1beta/", StringComparison.Ordinal);

    private static Task Run(
        GatewayServices services,
        HttpContext http,
        string operation,
        Func<GatewayServices, HttpContext, CallTrace, Task> call) =>
        CallEdge.RunAsync(services, ErrorsOf(http.Request), operation, http, (_, trace) => call(services, http, trace));

    /// <summary>The dialect of a model call by its path; null for another route.</summary>
    public static Dialect? DialectOf(HttpRequest request)
    {
        if (request.Method != HttpMethods.Post) return null;
        string path = request.Path.Value!;
        if (path.EndsWith("/chat/completions", StringComparison.Ordinal)) return ChatDialect.Instance;
        if (path.EndsWith("/responses", StringComparison.Ordinal)) return ResponsesDialect.Instance;
        if (path.EndsWith("/embeddings", StringComparison.Ordinal)) return EmbeddingsDialect.Instance;
        if (path.EndsWith("/messages", StringComparison.Ordinal)) return MessagesDialect.Instance;
        foreach (string method in (string[])[GeminiDialect.GenerateMethod, GeminiDialect.StreamMethod])
        {
            if (!path.EndsWith(method, StringComparison.Ordinal)) continue;
            request.RouteValues[GeminiDialect.ModelRoute] = path[(path.LastIndexOf('/') + 1)..^method.Length];
            return GeminiDialect.Instance;
        }

        return null;
    }

    /// <summary>The dialect of a request's refusals.</summary>
    public static ErrorShape ErrorsOf(HttpRequest request) => IsAnthropic(request) ? AnthropicErrors.Instance
        : IsGemini(request) ? GeminiErrors.Instance
        : OpenAiErrors.Instance;

    // What is left, as the contract's GetBalance answers it.
    private static async Task BudgetAsync(GatewayServices services, HttpContext http, CallTrace trace)
    {
        using SessionUse spender = await services.Sessions.TakeLiveAsync(http.Request, http.RequestAborted);
        GetBalanceResponse balance = await services.Client.GetBalanceAsync(
            new GetBalanceRequest { SessionToken = spender.Token }, http.RequestAborted);
        JsonObject json = JsonNode.Parse(JsonFormatter.Default.Format(balance))!.AsObject();
        json.Insert(0, "session", spender.Session);
        await WriteAsync(http, json);
    }

    public static Task WriteAsync(HttpContext http, JsonObject json)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(json);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = body.Length;
        return http.Response.Body.WriteAsync(body, http.RequestAborted).AsTask();
    }
}
