namespace AgentBudget.Rpc.Wire;

/// <summary>How request and response of a call are written, known from its content type.</summary>
internal enum WireProtocol
{
    Grpc,
    GrpcWeb,
    GrpcWebText,
    ConnectUnaryJson,
    ConnectUnaryProto,
    ConnectStreamJson,
    ConnectStreamProto,
}

internal static class WireProtocols
{
    internal const string GrpcContentType = "application/grpc";
    internal const string JsonContentType = "application/json";
    internal const string ProtoContentType = "application/proto";

    /// <summary>What a caller may send, for the <c>accept-post</c> header of a 415.</summary>
    internal const string Accepted =
        "application/grpc, application/grpc+proto, application/grpc-web, application/grpc-web+proto, "
        + "application/grpc-web-text, application/grpc-web-text+proto, application/json, application/proto, "
        + "application/connect+json, application/connect+proto";

    /// <summary>The protocol of a content type, or null when it is none of ours.</summary>
    internal static WireProtocol? Of(string? contentType)
    {
        if (contentType == GrpcContentType)
            return WireProtocol.Grpc;
        if (contentType is null)
            return null;
        ReadOnlySpan<char> type = contentType;
        int parameters = type.IndexOf(';');
        if (parameters >= 0)
            type = type[..parameters].TrimEnd();
        Span<char> lower = stackalloc char[MediaTypeCharsMax];
        int length = type.Length <= MediaTypeCharsMax ? type.ToLowerInvariant(lower) : 0;
        return lower[..length] switch
        {
            "application/grpc" or "application/grpc+proto" => WireProtocol.Grpc,
            "application/grpc-web" or "application/grpc-web+proto" => WireProtocol.GrpcWeb,
            "application/grpc-web-text" or "application/grpc-web-text+proto" => WireProtocol.GrpcWebText,
            "application/json" => WireProtocol.ConnectUnaryJson,
            "application/proto" => WireProtocol.ConnectUnaryProto,
            "application/connect+json" => WireProtocol.ConnectStreamJson,
            "application/connect+proto" => WireProtocol.ConnectStreamProto,
            _ => null,
        };
    }

    internal static bool IsJson(WireProtocol protocol) =>
        protocol is WireProtocol.ConnectUnaryJson or WireProtocol.ConnectStreamJson;

    internal static bool IsGrpcWeb(WireProtocol protocol) =>
        protocol is WireProtocol.GrpcWeb or WireProtocol.GrpcWebText;

    /// <summary>Whether headers and statuses are those of gRPC.</summary>
    internal static bool IsGrpcFamily(WireProtocol protocol) => protocol == WireProtocol.Grpc || IsGrpcWeb(protocol);

    /// <summary>Whether the request body is frames with a five byte prefix. The text of gRPC-Web holds such frames, but
    /// only once it is decoded.</summary>
    internal static bool IsFramed(WireProtocol protocol) => protocol switch
    {
        WireProtocol.Grpc or WireProtocol.GrpcWeb => true,
        WireProtocol.ConnectStreamJson or WireProtocol.ConnectStreamProto => true,
        WireProtocol.GrpcWebText or WireProtocol.ConnectUnaryJson or WireProtocol.ConnectUnaryProto => false,
    };

    /// <summary>Whether a method of this kind can be called so: Connect has one content type for unary calls and
    /// another for streams. The text of gRPC-Web is decoded as a whole, which a stream of requests never is.</summary>
    internal static bool Fits(WireProtocol protocol, RpcMethod method) => protocol switch
    {
        WireProtocol.Grpc or WireProtocol.GrpcWeb => true,
        WireProtocol.GrpcWebText => !method.IsClientStreaming,
        WireProtocol.ConnectUnaryJson or WireProtocol.ConnectUnaryProto => method.IsUnary,
        WireProtocol.ConnectStreamJson or WireProtocol.ConnectStreamProto => !method.IsUnary,
    };

    internal static string ResponseContentType(WireProtocol protocol) => protocol switch
    {
        WireProtocol.Grpc => GrpcContentType,
        WireProtocol.GrpcWeb => "application/grpc-web+proto",
        WireProtocol.GrpcWebText => "application/grpc-web-text+proto",
        WireProtocol.ConnectUnaryJson => JsonContentType,
        WireProtocol.ConnectUnaryProto => ProtoContentType,
        WireProtocol.ConnectStreamJson => "application/connect+json",
        WireProtocol.ConnectStreamProto => "application/connect+proto",
    };

    // The longest of ours has 31 characters.
    private const int MediaTypeCharsMax = 32;
}
