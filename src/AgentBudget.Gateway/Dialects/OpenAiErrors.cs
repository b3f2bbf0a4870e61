using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;

namespace AgentBudget.Gateway.Dialects;

/// <summary>Errors of OpenAI's API: <c>{"error":{"message","type","param","code"}}</c>.</summary>
internal class OpenAiErrors : ErrorShape
{
    public static OpenAiErrors Instance { get; } = new();

    public override string RequestIdHeader => "x-request-id";

    public override byte[] StreamEvent(CallRefusedException refusal, string requestId) =>
        [.. "data: "u8, .. JsonSerializer.SerializeToUtf8Bytes(Json(refusal, userAgent: "")), .. "\n\n"u8];

    protected override byte[] Body(
        CallRefusedException refusal, int status, string requestId, string userAgent, DateTimeOffset now) =>
        JsonSerializer.SerializeToUtf8Bytes(Json(refusal, userAgent));

    // Codex shows this sentence and not the message of a refusal of its kind.
    protected override void AddHeaders(
        CallRefusedException refusal, string userAgent, List<KeyValuePair<string, string>> headers)
    {
        if (refusal.Kind == RefusalKind.Money && IsCodex(userAgent))
            headers.Add(new("x-codex-promo-message", HeaderText.Of(refusal.Message)));
    }

    private static JsonObject Json(CallRefusedException refusal, string userAgent)
    {
        (string type, string? code) = NamesOf(refusal.Kind);
        JsonObject error = new()
        {
            ["message"] = refusal.Message,
            ["type"] = type,
            ["param"] = null,
            ["code"] = code,
        };
        if (refusal.Kind == RefusalKind.Money && IsCodex(userAgent))
        {
            error["type"] = "usage_limit_reached";
            if (refusal.ResetTime is { } reset) error["resets_at"] = reset.ToUnixTimeSeconds();
        }

        return new JsonObject { ["error"] = error };
    }

    protected static (string Type, string? Code) NamesOf(RefusalKind kind) => kind switch
    {
        RefusalKind.Invalid => ("invalid_request_error", null),
        RefusalKind.TooLarge => ("invalid_request_error", "request_too_large"),
        RefusalKind.Unauthenticated => ("invalid_request_error", "invalid_api_key"),
        RefusalKind.Forbidden => ("invalid_request_error", "permission_denied"),
        RefusalKind.NotFound => ("invalid_request_error", "model_not_found"),
        RefusalKind.Money => ("insufficient_quota", "project_spend_limit_exceeded"),
        RefusalKind.Busy => ("requests", "rate_limit_exceeded"),
        RefusalKind.Upstream => ("server_error", "upstream_error"),
        RefusalKind.Unavailable => ("server_error", "budget_unavailable"),
    };
}
