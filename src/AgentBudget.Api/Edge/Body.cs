using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AgentBudget.Api.Edge;

/// <summary>The bound of a request's body, which Kestrel counts.</summary>
internal static class Body
{
    internal static void Bound(HttpContext http, long bytesMax)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } bodySize)
            bodySize.MaxRequestBodySize = bytesMax;
    }
}
