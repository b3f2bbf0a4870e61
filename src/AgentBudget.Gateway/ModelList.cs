using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway;

/// <summary>The session's models that an upstream serves, as the caller's dialect lists them.</summary>
internal static class ModelList
{
    private const string Epoch = "1970-01-01T00:00:00Z";

    public static async Task AnswerAsync(GatewayServices services, HttpContext http, CallTrace trace)
    {
        using SessionUse spender = await services.Sessions.TakeLiveAsync(http.Request, http.RequestAborted);
        GetSessionResponse answer = await services.Client.GetSessionAsync(
            new GetSessionRequest { SessionToken = spender.Token }, http.RequestAborted);
        bool isAnthropic = GatewayRoutes.IsAnthropic(http.Request), isGemini = GatewayRoutes.IsGemini(http.Request);
        Func<UpstreamKind, bool> speaks = isAnthropic ? MessagesDialect.Instance.Speaks
            : isGemini ? GeminiDialect.Instance.Speaks
            : ChatDialect.Instance.Speaks;
        string[] ids = [.. answer.Session.Models.Where(id => services.Upstreams.Find(id, speaks) is not null)];
        JsonObject list = isAnthropic ? Anthropic(ids)
            : isGemini ? Gemini(ids)
            // Codex wants to know more of a model than a catalog says, and goes on with what it knows itself.
            : http.Request.Query.ContainsKey("client_version") ? new JsonObject { ["models"] = new JsonArray() }
            : OpenAi(ids);
        await GatewayRoutes.WriteAsync(http, list);
    }

    private static JsonObject OpenAi(string[] ids) => new()
    {
        ["object"] = "list",
        ["data"] = ListOf(ids, id => new JsonObject
        {
            ["id"] = id,
            ["object"] = "model",
            ["created"] = 0,
            ["owned_by"] = "agentbudget",
        }),
    };

    private static JsonObject Anthropic(string[] ids) => new()
    {
        ["data"] = ListOf(ids, id => new JsonObject
        {
            ["type"] = "model",
            ["id"] = id,
            ["display_name"] = id,
            ["created_at"] = Epoch,
        }),
        ["has_more"] = false,
        ["first_id"] = ids.FirstOrDefault(),
        ["last_id"] = ids.LastOrDefault(),
    };

    private static JsonObject Gemini(string[] ids) => new()
    {
        ["models"] = ListOf(ids, id => new JsonObject
        {
            ["name"] = $"models/{id}",
            ["displayName"] = id,
            ["supportedGenerationMethods"] = new JsonArray("generateContent", "countTokens"),
        }),
    };

    private static JsonArray ListOf(string[] ids, Func<string, JsonObject> entry) => new([.. ids.Select(entry)]);
}
