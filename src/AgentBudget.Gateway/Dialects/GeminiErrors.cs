using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Calls;

namespace AgentBudget.Gateway.Dialects;

/// <summary>Errors of Google's APIs: <c>{"error":{"code","message","status","details"}}</c>.</summary>
internal sealed class GeminiErrors : ErrorShape
{
    private const string TypePrefix = "type.googleapis.com/google.rpc.";

    /// <summary>Gemini CLI takes a longer delay for the end, and shows the message.</summary>
    private static readonly TimeSpan FinalDelay = TimeSpan.FromSeconds(301);

    // Of a budget that does not start again by itself.
    private static readonly TimeSpan LongDelay = TimeSpan.FromDays(1);

    public static GeminiErrors Instance { get; } = new();

    public override string RequestIdHeader => "x-request-id";

    public override byte[] StreamEvent(CallRefusedException refusal, string requestId) =>
    [
        .. "data: "u8,
        .. JsonSerializer.SerializeToUtf8Bytes(Json(refusal, StatusOf(refusal.Kind), LongDelay)),
        .. "\n\n"u8,
    ];

    protected override byte[] Body(
        CallRefusedException refusal, int status, string requestId, string userAgent, DateTimeOffset now)
    {
        TimeSpan delay = refusal.ResetTime is { } reset && reset - now > FinalDelay ? reset - now
            : refusal.ResetTime is null ? LongDelay : FinalDelay;
        return JsonSerializer.SerializeToUtf8Bytes(Json(refusal, status, delay));
    }

    private static JsonObject Json(CallRefusedException refusal, int status, TimeSpan delay)
    {
        JsonArray details = [];
        if (refusal.Reason.Length > 0)
        {
            details.Add((JsonNode)new JsonObject
            {
                ["@type"] = TypePrefix + "ErrorInfo",
                ["reason"] = refusal.Reason,
                ["domain"] = "agentbudget",
            });
        }

        TimeSpan? wait = refusal.Kind switch
        {
            RefusalKind.Money => delay,
            RefusalKind.Busy or RefusalKind.Unavailable => TimeSpan.FromSeconds(1),
            _ => null,
        };
        if (wait is { } time)
        {
            details.Add((JsonNode)new JsonObject
            {
                ["@type"] = TypePrefix + "RetryInfo",
                ["retryDelay"] = string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalSeconds}s"),
            });
        }

        return new JsonObject
        {
            ["error"] = new JsonObject
            {
                ["code"] = status,
                ["message"] = refusal.Message,
                ["status"] = NameOf(refusal.Kind),
                ["details"] = details,
            },
        };
    }

    private static int StatusOf(RefusalKind kind) => StatusOf(kind, userAgent: "", NoStatuses);

    private static string NameOf(RefusalKind kind) => kind switch
    {
        RefusalKind.Invalid or RefusalKind.TooLarge => "INVALID_ARGUMENT",
        RefusalKind.Unauthenticated => "UNAUTHENTICATED",
        RefusalKind.Forbidden => "PERMISSION_DENIED",
        RefusalKind.NotFound => "NOT_FOUND",
        RefusalKind.Money or RefusalKind.Busy => "RESOURCE_EXHAUSTED",
        RefusalKind.Upstream or RefusalKind.Unavailable => "UNAVAILABLE",
    };
}
