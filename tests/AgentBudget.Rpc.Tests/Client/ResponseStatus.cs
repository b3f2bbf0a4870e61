using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;
using Status = Google.Rpc.Status;

namespace AgentBudget.Rpc.Tests;

/// <summary>Finds how a call ended in what the server sent, or in how the connection failed.</summary>
internal static class ResponseStatus
{
    /// <summary>Checks the headers: an error that came without a message, or no gRPC at all.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    internal static void CheckHeaders(HttpResponseMessage response)
    {
        if (response.Headers.Contains("grpc-status"))
        {
            Check(response.Headers);
            return;
        }

        string? contentType = response.Content.Headers.ContentType?.MediaType;
        if (response.StatusCode != HttpStatusCode.OK
            || contentType?.StartsWith(WireProtocols.GrpcContentType, StringComparison.Ordinal) != true)
        {
            throw new RpcException(
                CodeOf(response.StatusCode),
                $"The server answered HTTP {(int)response.StatusCode}, which is not gRPC.");
        }
    }

    /// <summary>Checks the status that headers or trailers hold.</summary>
    /// <exception cref="RpcException">The call failed, or the status is missing.</exception>
    internal static void Check(HttpResponseHeaders headers)
    {
        if (ValueOf(headers, "grpc-status") is not string text
            || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int code))
        {
            throw new RpcException(RpcStatusCode.Internal, "The response ended without a status.");
        }

        if (code == (int)RpcStatusCode.Ok)
            return;
        string message = PercentEncoding.Decode(ValueOf(headers, "grpc-message") ?? "");
        Status status = DetailsOf(headers) is Status sent && sent.Code == code
            ? sent
            : new Status { Code = code, Message = message };
        throw new RpcException(status);
    }

    /// <summary>What a failure of the transport means to the caller.</summary>
    internal static RpcException OfTransport(Exception failure)
    {
        const long refusedStream = 7;
        const long cancel = 8;
        const long enhanceYourCalm = 11;
        HttpProtocolException? reset =
            failure as HttpProtocolException ?? failure.InnerException as HttpProtocolException;
        RpcStatusCode code = reset?.ErrorCode switch
        {
            refusedStream => RpcStatusCode.Unavailable,
            cancel => RpcStatusCode.Cancelled,
            enhanceYourCalm => RpcStatusCode.ResourceExhausted,
            _ => RpcStatusCode.Unavailable,
        };
        return new RpcException(code, $"The call did not end: {failure.Message}");
    }

    private static Status? DetailsOf(HttpResponseHeaders headers)
    {
        if (ValueOf(headers, GrpcStatus.DetailsHeader) is not string text
            || !BinaryMetadata.TryDecodeFirst(text, out byte[] bytes))
        {
            return null;
        }

        try
        {
            return Status.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static string? ValueOf(HttpResponseHeaders headers, string name)
    {
        if (!headers.TryGetValues(name, out IEnumerable<string>? values))
            return null;
        foreach (string value in values)
            return value;
        return null;
    }

    private static RpcStatusCode CodeOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.BadRequest => RpcStatusCode.Internal,
        HttpStatusCode.Unauthorized => RpcStatusCode.Unauthenticated,
        HttpStatusCode.Forbidden => RpcStatusCode.PermissionDenied,
        HttpStatusCode.NotFound => RpcStatusCode.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable
            or HttpStatusCode.GatewayTimeout => RpcStatusCode.Unavailable,
        _ => RpcStatusCode.Unknown,
    };
}
