using System.Text.Json.Nodes;

namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>Errors of Bedrock as those of the model's own API, which the caller knows.</summary>
internal static class BedrockErrors
{
    /// <param name="kind">ThrottlingException, or throttlingException as frames have it.</param>
    /// <param name="message">What it says.</param>
    public static JsonObject Of(string kind, string message) => new()
    {
        ["type"] = "error",
        ["error"] = new JsonObject { ["type"] = TypeOf(kind), ["message"] = message },
    };

    private static string TypeOf(string kind) => kind.Split(':')[0].ToUpperInvariant() switch
    {
        "VALIDATIONEXCEPTION" => "invalid_request_error",
        "ACCESSDENIEDEXCEPTION" => "permission_error",
        "RESOURCENOTFOUNDEXCEPTION" => "not_found_error",
        "THROTTLINGEXCEPTION" or "SERVICEQUOTAEXCEEDEDEXCEPTION" => "rate_limit_error",
        "MODELTIMEOUTEXCEPTION" => "timeout_error",
        "SERVICEUNAVAILABLEEXCEPTION" or "MODELNOTREADYEXCEPTION" => "overloaded_error",
        _ => "api_error",
    };
}
