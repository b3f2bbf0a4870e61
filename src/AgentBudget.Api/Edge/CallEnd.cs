using System.Text;
using AgentBudget.Api.Edge.Checks;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Api.Edge;

/// <summary>How a call ended other than well: a feature of its request.</summary>
internal sealed class CallEnd
{
    internal const string GrpcContentType = "application/grpc";

    private const string StatusHeader = "grpc-status";
    private const string MessageHeader = "grpc-message";
    private const string DetailsHeader = "grpc-status-details-bin";

    private static readonly JsonFormatter Json = new(JsonFormatter.Settings.Default.WithTypeRegistry(Details));

    private CallEnd(StatusCode code) => Code = code;

    /// <summary>The messages that the details of an error may be.</summary>
    internal static TypeRegistry Details => TypeRegistry.FromFiles(Google.Rpc.ErrorDetailsReflection.Descriptor);

    internal StatusCode Code { get; }

    /// <summary>Notes what a call is refused with or failed with.</summary>
    internal static void Note(HttpContext http, StatusCode code) => http.Features.Set(new CallEnd(code));

    /// <summary>How a call ended, once its endpoint has returned; null for what was no call after all.</summary>
    internal static StatusCode? Of(HttpContext http)
    {
        if (http.Features.Get<CallEnd>() is { } noted)
            return noted.Code;
        if (http.Features.Get<IServerCallContextFeature>() is not { } feature)
            return null;
        StatusCode code = feature.ServerCallContext.Status.StatusCode;
        bool isJsonRefused = code == StatusCode.OK && http.Response.StatusCode >= StatusCodes.Status400BadRequest;
        return isJsonRefused ? StatusCode.InvalidArgument : code;
    }

    /// <summary>Answers a request that does not come to its endpoint, as its protocol has it.</summary>
    internal static async Task RefuseAsync(HttpContext http, Google.Rpc.Status refusal)
    {
        StatusCode code = (StatusCode)refusal.Code;
        Note(http, code);
        HttpResponse response = http.Response;
        if (IsGrpc(http.Request))
        {
            response.StatusCode = StatusCodes.Status200OK;
            response.ContentType = GrpcContentType;
            Write(response.Headers, refusal);
            if (code == StatusCode.Unimplemented)
                response.Headers.GrpcAcceptEncoding = $"identity,{CappedGzip.Name}";
            return;
        }

        response.StatusCode = HttpStatusOf(code);
        response.ContentType = "application/json";
        response.Headers.CacheControl = "no-store";
        byte[] body = Encoding.UTF8.GetBytes(Json.Format(refusal));
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body);
    }

    /// <summary>Whether a request is of gRPC; gRPC-Web reads as that too, once it was translated.</summary>
    internal static bool IsGrpc(HttpRequest request) =>
        request.ContentType is { } type && type.StartsWith(GrpcContentType, StringComparison.Ordinal);

    /// <summary>
    /// Gives an error that the library itself answered with the code, the sentence and the reason that this service has
    /// for it. It is called before the answer has left.
    /// </summary>
    internal static void Explain(HttpContext http)
    {
        IHeaderDictionary? headers = http.Response.HasStarted
            ? http.Features.Get<IHttpResponseTrailersFeature>()?.Trailers
            : http.Response.Headers;
        if (headers is null || headers.IsReadOnly || !headers.TryGetValue(StatusHeader, out StringValues code)
            || code == "0" || headers.ContainsKey(DetailsHeader))
        {
            return;
        }

        Exception? exception = http.Features.Get<IServerCallContextFeature>()?.ServerCallContext.Status.DebugException;
        if (FaultOf(code.ToString(), exception) is not { } fault)
            return;
        Note(http, (StatusCode)fault.Code);
        Write(headers, fault);
    }

    // What a message or a header is refused for has its reason by now; this is what ends a call beside them.
    private static Google.Rpc.Status? FaultOf(string code, Exception? exception) => code switch
    {
        "1" => EdgeFaults.CallerGaveUp(),
        "2" => exception is IOException ? EdgeFaults.CallerGaveUp() : EdgeFaults.Bug(),
        "4" => EdgeFaults.DeadlinePassedInside(),
        _ => null,
    };

    private static void Write(IHeaderDictionary headers, Google.Rpc.Status status)
    {
        headers[StatusHeader] = $"{status.Code}";
        headers[MessageHeader] = Uri.EscapeDataString(status.Message);
        headers[DetailsHeader] = Convert.ToBase64String(status.ToByteArray());
    }

    // As google/rpc/code.proto maps what is refused before a method.
    private static int HttpStatusOf(StatusCode code) => code switch
    {
        StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
        StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        StatusCode.NotFound => StatusCodes.Status404NotFound,
        StatusCode.InvalidArgument => StatusCodes.Status400BadRequest,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        StatusCode.Unimplemented => StatusCodes.Status501NotImplemented,
        StatusCode.DeadlineExceeded => StatusCodes.Status504GatewayTimeout,
        _ => StatusCodes.Status500InternalServerError,
    };
}
