using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace AgentBudget.Api.Edge;

/// <summary>
/// The bounds of a request's body, which Kestrel counts. gRPC has its own, by message: its streams have no bound and
/// may be idle.
/// </summary>
internal static class Body
{
    private static readonly MinDataRate ArrivalRate = new(bytesPerSecond: 240, MessageBounds.ArrivalMax);

    internal static void Bound(HttpContext http)
    {
        string type = http.Request.ContentType ?? "";
        bool isHttp2 = HttpProtocol.IsHttp2(http.Request.Protocol);
        bool isGrpc = type == CallEnd.GrpcContentType
            || type.StartsWith(CallEnd.GrpcContentType + "+", StringComparison.Ordinal);
        if (isHttp2 && isGrpc)
            return;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } bodySize)
            bodySize.MaxRequestBodySize = MessageBounds.EnvelopeBytesMax;
        // Over HTTP/2 it would cut the whole connection.
        if (!isHttp2 && http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = ArrivalRate;
    }
}
