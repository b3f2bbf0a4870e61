using AgentBudget.Api.Edge.Checks;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;

namespace AgentBudget.Api.Edge;

/// <summary>
/// The one place where the bodies of requests other than gRPC's own are bounded, which Kestrel counts. gRPC has its
/// own, by message: its streams have no bound and may be idle.
/// </summary>
internal sealed class Body(RequestDelegate next, IOptions<EdgeOptions> options)
{
    // A message in an envelope takes more bytes: base64, or JSON with its names and its white space. What is in it is
    // bounded by itself.
    private const long EnvelopeFactor = 4;

    private readonly EdgeOptions _options = options.Value;
    private readonly MinDataRate _arrivalRate = new(bytesPerSecond: 240, options.Value.MessageArrivalMax);

    public Task InvokeAsync(HttpContext http)
    {
        Bound(http);
        return next(http);
    }

    private void Bound(HttpContext http)
    {
        bool isHttp2 = HttpProtocol.IsHttp2(http.Request.Protocol);
        if (isHttp2 && IsPlainGrpc(http.Request.ContentType ?? ""))
            return;
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } bodySize)
            bodySize.MaxRequestBodySize = EnvelopeFactor * _options.MessageBytesMaxOf(MethodOf(http));
        // Over HTTP/2 it would cut the whole connection.
        if (!isHttp2 && http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = _arrivalRate;
    }

    // gRPC-Web is not: its body is an envelope.
    private static bool IsPlainGrpc(string type) =>
        type == CallEnd.GrpcContentType || type.StartsWith(CallEnd.GrpcContentType + "+", StringComparison.Ordinal);

    private static string MethodOf(HttpContext http)
    {
        EndpointMetadataCollection? metadata = http.GetEndpoint()?.Metadata;
        return metadata?.GetMetadata<GrpcMethodMetadata>()?.Method.FullName ?? "";
    }
}
