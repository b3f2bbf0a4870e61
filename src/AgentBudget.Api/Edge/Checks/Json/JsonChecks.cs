using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;
using Code = Google.Rpc.Code;
using Status = Google.Rpc.Status;

namespace AgentBudget.Api.Edge.Checks.Json;

/// <summary>
/// Looks at a JSON request before it is transcoded, which takes silently what a message does not have: reads its body
/// once, within bounds of size and time, and compares body and query with the message. Other requests pass.
/// </summary>
internal sealed class JsonChecks(RequestDelegate next, IOptions<EdgeOptions> options, TimeProvider time)
{
    private readonly EdgeOptions _options = options.Value;
    private readonly ConcurrentDictionary<GrpcJsonTranscodingMetadata, JsonRoute> _routes = [];

    /// <summary>Checks one request.</summary>
    public Task InvokeAsync(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<GrpcJsonTranscodingMetadata>() is { } called
            ? CheckAsync(context, _routes.GetOrAdd(called, static called => JsonRoute.Of(called)))
            : next(context);

    private async Task CheckAsync(HttpContext context, JsonRoute route)
    {
        Status? fault = route.FaultOf(context.Request.Query) ?? await FaultOfBodyAsync(context, route);
        await (fault is null ? next(context) : CallEnd.RefuseAsync(context, fault));
    }

    private async Task<Status?> FaultOfBodyAsync(HttpContext context, JsonRoute route)
    {
        HttpRequest request = context.Request;
        bool mayHaveBody = context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: false };
        if (route.TakesBody && !IsJson(request.ContentType))
            return EdgeFaults.ContentTypeUnsupported(request.ContentType);
        if (!TryReadEncoding(request.Headers.ContentEncoding, out bool isGzip))
            return EdgeFaults.EncodingUnsupported(request.Headers.ContentEncoding.ToString());
        byte[] body = [];
        try
        {
            if (mayHaveBody)
                body = await ReadAsync(request, _options.MessageBytesMaxOf(route.MethodPath), context.RequestAborted);
            if (isGzip && body.Length > 0)
                body = CappedGzip.Inflate(body, _options.MessageBytesMaxOf(route.MethodPath));
        }
        catch (RpcException refusal)
        {
            Status status = refusal.GetRpcStatus()!;
            // A body that is not gzip breaks no protocol here: it is a fault of the request like others.
            if (status.Code == (int)Code.Internal)
                status.Code = (int)Code.InvalidArgument;
            return status;
        }

        request.Headers.ContentEncoding = default;
        request.Body = new MemoryStream(body, writable: false);
        if (route.TakesBody)
            return JsonWalk.FaultOf(body, route, _options.MessageItemsMax);
        return body.Length == 0 ? null : EdgeFaults.MessageMalformed("this route takes no body.");
    }

    private async Task<byte[]> ReadAsync(HttpRequest request, int bytesMax, CancellationToken aborted)
    {
        if (request.ContentLength > bytesMax)
            throw EdgeFaults.MessageTooLarge(bytesMax).ToRpcException();
        PipeReader reader = request.BodyReader;
        using CancellationTokenSource late = new(_options.MessageArrivalMax, time);
        try
        {
            while (true)
            {
                ReadResult result = await reader.ReadAsync(late.Token);
                ReadOnlySequence<byte> buffer = result.Buffer;
                if (buffer.Length > bytesMax)
                {
                    reader.AdvanceTo(buffer.End);
                    throw EdgeFaults.MessageTooLarge(bytesMax).ToRpcException();
                }

                if (!result.IsCompleted)
                {
                    reader.AdvanceTo(buffer.Start, buffer.End);
                    continue;
                }

                byte[] body = buffer.ToArray();
                reader.AdvanceTo(buffer.End);
                return body;
            }
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !aborted.IsCancellationRequested)
        {
            throw EdgeFaults.MessageLate(_options.MessageArrivalMax).ToRpcException();
        }
        catch (BadHttpRequestException malformed) when (!aborted.IsCancellationRequested)
        {
            throw EdgeFaults.MessageMalformed(malformed.Message).ToRpcException();
        }
    }

    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase));

    private static bool TryReadEncoding(StringValues encoding, out bool isGzip)
    {
        isGzip = encoding == CappedGzip.Name;
        return isGzip || encoding.Count == 0 || encoding == "" || encoding == "identity";
    }
}
