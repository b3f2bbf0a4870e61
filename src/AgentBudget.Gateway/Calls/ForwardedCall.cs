using System.Net;
using AgentBudget.Gateway.Upstreams;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Calls;

/// <summary>What leaves for an upstream, and what comes back from it: only what is on a list.</summary>
internal static class ForwardedCall
{
    private static readonly HashSet<string> RequestHeaders = new(StringComparer.OrdinalIgnoreCase)
    {
        "accept", "anthropic-version", "anthropic-beta", "openai-beta", "user-agent", "traceparent", "tracestate",
    };

    private static readonly HashSet<string> ResponseHeaders = new(StringComparer.OrdinalIgnoreCase)
    {
        "x-request-id", "request-id", "retry-after", "retry-after-ms", "x-should-retry", "openai-processing-ms",
        "openai-version",
    };

    private static readonly string[] ResponsePrefixes = ["x-ratelimit-", "anthropic-ratelimit-"];

    /// <summary>The request as it is sent.</summary>
    public static HttpRequestMessage Make(
        HttpRequest from, string path, UpstreamRoute route, ReadOnlyMemory<byte> body)
    {
        string query = from.Query.ContainsKey("beta") && !path.Contains('?', StringComparison.Ordinal)
            ? "?beta=true"
            : "";
        HttpRequestMessage request = new(HttpMethod.Post, new Uri(route.Upstream.Model.BaseAddress, path + query))
        {
            Content = new ReadOnlyMemoryContent(body),
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrHigher,
        };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        foreach ((string name, var values) in from.Headers)
        {
            if (RequestHeaders.Contains(name)) request.Headers.TryAddWithoutValidation(name, (string?[])values!);
        }

        return request;
    }

    /// <summary>Whether a status says that no work was done, and nothing is billed.</summary>
    public static bool IsRefusal(HttpResponseMessage response) => !response.IsSuccessStatusCode;

    /// <summary>What the caller may see of an answer's headers.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> HeadersOf(HttpResponseMessage from)
    {
        List<KeyValuePair<string, string>> headers = [];
        foreach ((string name, IEnumerable<string> values) in from.Headers)
        {
            bool isSeen = ResponseHeaders.Contains(name)
                || Array.Exists(ResponsePrefixes, name.ToLowerInvariant().StartsWith);
            if (isSeen) headers.Add(new(name, string.Join(", ", values)));
        }

        if (from.Content.Headers.ContentType is { } type) headers.Add(new("Content-Type", type.ToString()));
        return headers;
    }

    /// <summary>Copies what the caller may see of an answer's headers.</summary>
    public static void CopyHeaders(HttpResponseMessage from, HttpResponse to)
    {
        foreach ((string name, string value) in HeadersOf(from)) to.Headers[name] = value;
    }
}
