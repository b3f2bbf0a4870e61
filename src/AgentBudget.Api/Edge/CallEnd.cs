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
    internal static async Task RefuseAsync(HttpContext http, RpcException refusal)
    {
        Note(http, refusal.StatusCode);
        HttpResponse response = http.Response;
        Google.Rpc.Status status = refusal.GetRpcStatus()!;
        if (IsGrpc(http.Request))
        {
            response.StatusCode = StatusCodes.Status200OK;
            response.ContentType = GrpcContentType;
            Write(response.Headers, status);
            return;
        }

        response.StatusCode = HttpStatusOf(refusal.StatusCode);
        response.ContentType = "application/json";
        response.Headers.CacheControl = "no-store";
        await response.WriteAsync(Json.Format(status));
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

        Status status = http.Features.Get<IServerCallContextFeature>()?.ServerCallContext.Status ?? Status.DefaultSuccess;
        if (FaultOf(code.ToString(), headers[MessageHeader].ToString(), status.DebugException) is not { } fault)
            return;
        RpcException error = EdgeErrors.Make(fault);
        Note(http, error.StatusCode);
        Write(headers, error.GetRpcStatus()!);
    }

    // The library's own sentences tell its faults apart; an exception tells what it could not read.
    private static EdgeFault? FaultOf(string code, string sentence, Exception? exception) => code switch
    {
        "1" => EdgeFault.CallerGaveUp,
        "2" => exception switch
        {
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => EdgeFault.MessageTooLarge,
            BadHttpRequestException => EdgeFault.MessageMalformed,
            InvalidDataException => EdgeFault.FlagsUnknown,
            IOException fault when fault.Message.StartsWith("Message too large", StringComparison.Ordinal) =>
                EdgeFault.MessageTooLarge,
            IOException => EdgeFault.CallerGaveUp,
            _ => EdgeFault.Bug,
        },
        "4" => EdgeFault.DeadlinePassed,
        "8" => EdgeFault.MessageTooLarge,
        "12" => EdgeFault.EncodingUnsupported,
        "13" when sentence.StartsWith("Additional", StringComparison.Ordinal) => EdgeFault.MoreThanOneMessage,
        "13" when sentence.StartsWith("Incomplete", StringComparison.Ordinal) => EdgeFault.MessageIncomplete,
        "13" when sentence.StartsWith("Incoming", StringComparison.Ordinal) => EdgeFault.MessageLate,
        "13" when sentence.StartsWith("Request", StringComparison.Ordinal) => EdgeFault.CompressionUndeclared,
        _ => null,
    };

    private static void Write(IHeaderDictionary headers, Google.Rpc.Status status)
    {
        headers[StatusHeader] = $"{status.Code}";
        headers[MessageHeader] = Uri.EscapeDataString(status.Message);
        headers[DetailsHeader] = Convert.ToBase64String(status.ToByteArray());
    }

    private static int HttpStatusOf(StatusCode code) => code switch
    {
        StatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
        StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        StatusCode.NotFound => StatusCodes.Status404NotFound,
        StatusCode.InvalidArgument => StatusCodes.Status400BadRequest,
        StatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        StatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        StatusCode.Unimplemented => StatusCodes.Status404NotFound,
        _ => StatusCodes.Status500InternalServerError,
    };
}
