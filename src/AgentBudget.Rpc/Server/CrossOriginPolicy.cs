using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AgentBudget.Rpc.Server;

/// <summary>
/// Lets pages of the allowed origins call and read the answers. Callers authenticate with a header that a page must set
/// itself, so there are no credentials that a browser would add, and none are allowed.
/// </summary>
internal sealed class CrossOriginPolicy
{
    private const string AnyOrigin = "*";

    // What a page may read beyond the few headers that it always may: statuses, and what decodes the body.
    private const string ExposedHeaders =
        "grpc-status, grpc-message, grpc-status-details-bin, grpc-encoding, content-encoding, "
        + "connect-content-encoding";

    // As long as browsers keep an answer at all.
    private const string PreflightSeconds = "7200";

    private readonly FrozenSet<string> _origins;
    private readonly bool _isAny;

    /// <param name="origins">At least one.</param>
    internal CrossOriginPolicy(IReadOnlyList<string> origins)
    {
        _origins = origins.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
        _isAny = _origins.Contains(AnyOrigin);
    }

    /// <summary>Adds to the answer what lets a page read it; false when the request is not from an allowed origin.
    /// </summary>
    internal bool Admit(IHttpRequestFeature request, IHttpResponseFeature response)
    {
        IHeaderDictionary headers = response.Headers;
        if (!_isAny)
            headers.Append("vary", "Origin");
        string origin = request.Headers.Origin.ToString();
        if (origin.Length == 0 || (!_isAny && !_origins.Contains(origin)))
            return false;
        headers.AccessControlAllowOrigin = _isAny ? AnyOrigin : origin;
        headers.AccessControlExposeHeaders = ExposedHeaders;
        return true;
    }

    /// <summary>Answers the question that a browser asks before a call; false when it is no such question.</summary>
    internal static bool TryAnswerPreflight(IHttpRequestFeature request, IHttpResponseFeature response, string methods)
    {
        if (request.Headers.AccessControlRequestMethod.Count == 0)
            return false;
        IHeaderDictionary headers = response.Headers;
        headers.AccessControlAllowMethods = methods;

        // Metadata has any name, and the origin is trusted by now.
        string asked = request.Headers.AccessControlRequestHeaders.ToString();
        if (!asked.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            headers.AccessControlAllowHeaders = asked;
        headers.AccessControlMaxAge = PreflightSeconds;
        response.StatusCode = StatusCodes.Status204NoContent;
        return true;
    }
}
