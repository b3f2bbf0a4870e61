using System.Buffers.Text;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Status = Google.Rpc.Status;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// Looks at a gRPC request before its method runs: its headers now, its frames as they are read
/// (<see cref="MessageFrames"/>). Requests of other kinds pass.
/// </summary>
internal sealed class GrpcChecks(RequestDelegate next, IOptions<EdgeOptions> options, TimeProvider time)
{
    private const string GrpcContentType = "application/grpc";
    private const string BinarySuffix = "-bin";

    private readonly EdgeOptions _options = options.Value;

    /// <summary>Checks one request.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        if (!IsGrpc(context.Request))
            return next(context);
        EndpointMetadataCollection? metadata = context.GetEndpoint()?.Metadata;
        GrpcMethodMetadata? called = metadata?.GetMetadata<GrpcMethodMetadata>();
        if (called is null || metadata!.GetMetadata<GrpcJsonTranscodingMetadata>() is not null)
            return next(context);

        IHeaderDictionary headers = context.Request.Headers;
        if (FaultOf(headers) is Status fault)
            return CallEnd.RefuseAsync(context, fault);
        MessageFrames frames = new(
            context.Request.BodyReader,
            _options,
            time,
            _options.MessageBytesMaxOf(called.Method.FullName),
            takesOne: called.Method.Type is MethodType.Unary or MethodType.ServerStreaming,
            isEncodingKnown: headers.GrpcEncoding == CappedGzip.Name);
        context.Features.Set<IRequestBodyPipeFeature>(frames);
        return ServeAsync(context, frames);
    }

    private async Task ServeAsync(HttpContext context, MessageFrames frames)
    {
        using (frames)
            await next(context);
    }

    // HTTP/1.1 is left to gRPC, which asks for another protocol. gRPC-Web reads as gRPC here.
    private static bool IsGrpc(HttpRequest request) =>
        request.ContentType is string type
        && type.StartsWith(GrpcContentType, StringComparison.OrdinalIgnoreCase)
        && (type.Length == GrpcContentType.Length || type[GrpcContentType.Length] is '+' or ';' or ' ')
        && !HttpProtocol.IsHttp11(request.Protocol)
        && !HttpProtocol.IsHttp10(request.Protocol);

    private static Status? FaultOf(IHeaderDictionary headers)
    {
        StringValues timeout = headers.GrpcTimeout;
        if (timeout.Count > 0)
        {
            if (!GrpcTimeout.TryParse(timeout.ToString(), out bool isOver))
                return EdgeFaults.HeaderMalformed("grpc-timeout");
            if (isOver)
                return EdgeFaults.DeadlinePassed();
        }

        StringValues encoding = headers.GrpcEncoding;
        if (encoding.Count > 0 && encoding != CappedGzip.Name && encoding != "identity" && encoding != "")
            return EdgeFaults.EncodingUnsupported(encoding.ToString());
        foreach (KeyValuePair<string, StringValues> header in headers)
        {
            if (header.Key.EndsWith(BinarySuffix, StringComparison.OrdinalIgnoreCase) && !IsBase64(header.Value))
                return EdgeFaults.HeaderMalformed(header.Key);
        }

        return null;
    }

    // Values may be many in one header, and need not be padded.
    private static bool IsBase64(StringValues values)
    {
        foreach (string? value in values)
        {
            foreach (string part in (value ?? "").Split(','))
            {
                string trimmed = part.Trim();
                if (!Base64.IsValid(trimmed.PadRight((trimmed.Length + 3) / 4 * 4, '=')))
                    return false;
            }
        }

        return true;
    }
}
