using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Bench.Edge;

/// <summary>
/// The least that answers a unary gRPC call: reads the body away and writes the same bytes each time. It looks at no
/// path, header or message, knows no other protocol, no deadline and no error.
/// </summary>
internal sealed class BareApplication : IHttpApplication<BareCall>
{
    // A frame with HealthCheckResponse { status: SERVING }.
    private static readonly byte[] Answer = [0, 0, 0, 0, 2, 0x08, 0x01];
    private static readonly StringValues ContentType = "application/grpc";
    private static readonly StringValues Ok = "0";

    public BareCall CreateContext(IFeatureCollection contextFeatures)
    {
        if (contextFeatures is not IHostContextContainer<BareCall> container) return new BareCall(contextFeatures);
        return container.HostContext ??= new BareCall(contextFeatures);
    }

    public async Task ProcessRequestAsync(BareCall context)
    {
        var reader = context.RequestBody.Reader;
        while (true)
        {
            var read = await reader.ReadAsync();
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) break;
        }
        context.Response.Headers.ContentType = ContentType;
        var writer = context.ResponseBody.Writer;
        Answer.CopyTo(writer.GetSpan(Answer.Length));
        writer.Advance(Answer.Length);
        context.Trailers.Trailers.GrpcStatus = Ok;
    }

    public void DisposeContext(BareCall context, Exception? exception)
    {
    }
}

/// <summary>The features of one of Kestrel's pooled streams, looked up once.</summary>
internal sealed class BareCall(IFeatureCollection features)
{
    public IHttpResponseFeature Response { get; } = features.GetRequiredFeature<IHttpResponseFeature>();

    public IRequestBodyPipeFeature RequestBody { get; } = features.GetRequiredFeature<IRequestBodyPipeFeature>();

    public IHttpResponseBodyFeature ResponseBody { get; } = features.GetRequiredFeature<IHttpResponseBodyFeature>();

    public IHttpResponseTrailersFeature Trailers { get; } =
        features.GetRequiredFeature<IHttpResponseTrailersFeature>();
}
