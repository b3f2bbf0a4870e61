using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;

namespace AgentBudget.Gateway.Dialects;

/// <summary>Errors of Anthropic's API: <c>{"type":"error","error":{"type","message"},"request_id"}</c>.</summary>
internal sealed class AnthropicErrors : ErrorShape
{
    public static AnthropicErrors Instance { get; } = new();

    public override string RequestIdHeader => "request-id";

    public override byte[] StreamEvent(CallRefusedException refusal, string requestId) =>
    [
        .. "event: error\ndata: "u8,
        .. JsonSerializer.SerializeToUtf8Bytes(Json(refusal, requestId)),
        .. "\n\n"u8,
    ];

    protected override byte[] Body(
        CallRefusedException refusal, int status, string requestId, string userAgent, DateTimeOffset now) =>
        JsonSerializer.SerializeToUtf8Bytes(Json(refusal, requestId));

    private static JsonObject Json(CallRefusedException refusal, string requestId) => new()
    {
        ["type"] = "error",
        ["error"] = new JsonObject { ["type"] = TypeOf(refusal.Kind), ["message"] = refusal.Message },
        ["request_id"] = requestId,
    };

    private static string TypeOf(RefusalKind kind) => kind switch
    {
        RefusalKind.Invalid => "invalid_request_error",
        RefusalKind.TooLarge => "request_too_large",
        RefusalKind.Unauthenticated => "authentication_error",
        RefusalKind.Forbidden => "permission_error",
        RefusalKind.NotFound => "not_found_error",
        RefusalKind.Money => "billing_error",
        RefusalKind.Busy => "rate_limit_error",
        RefusalKind.Upstream or RefusalKind.Unavailable => "api_error",
    };
}
