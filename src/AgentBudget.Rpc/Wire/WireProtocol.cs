namespace AgentBudget.Rpc.Wire;

/// <summary>How request and response of a call are written, known from its content type.</summary>
internal enum WireProtocol
{
    Grpc,
    ConnectUnaryJson,
    ConnectUnaryProto,
    ConnectStreamJson,
    ConnectStreamProto,
}

internal static class WireProtocols
{
    internal const string GrpcContentType = "application/grpc";
    internal const string JsonContentType = "application/json";

    /// <summary>What a caller may send, for the <c>accept-post</c> header of a 415.</summary>
    internal const string Accepted =
        "application/grpc, application/grpc+proto, application/json, application/proto, application/connect+json, "
        + "application/connect+proto";

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
            "application/json" => WireProtocol.ConnectUnaryJson,
            "application/proto" => WireProtocol.ConnectUnaryProto,
            "application/connect+json" => WireProtocol.ConnectStreamJson,
            "application/connect+proto" => WireProtocol.ConnectStreamProto,
            _ => null,
        };
    }

    internal static bool IsJson(WireProtocol protocol) =>
        protocol is WireProtocol.ConnectUnaryJson or WireProtocol.ConnectStreamJson;

    /// <summary>Whether messages travel in frames with a five byte prefix.</summary>
    internal static bool IsFramed(WireProtocol protocol) => protocol switch
    {
        WireProtocol.Grpc or WireProtocol.ConnectStreamJson or WireProtocol.ConnectStreamProto => true,
        WireProtocol.ConnectUnaryJson or WireProtocol.ConnectUnaryProto => false,
    };

    /// <summary>Whether a method of this kind can be called so: Connect has one content type for unary calls and
    /// another for streams.</summary>
    internal static bool Fits(WireProtocol protocol, RpcMethod method) => protocol switch
    {
        WireProtocol.Grpc => true,
        WireProtocol.ConnectUnaryJson or WireProtocol.ConnectUnaryProto => method.IsUnary,
        WireProtocol.ConnectStreamJson or WireProtocol.ConnectStreamProto => !method.IsUnary,
    };

    internal static string ResponseContentType(WireProtocol protocol) => protocol switch
    {
        WireProtocol.Grpc => GrpcContentType,
        WireProtocol.ConnectUnaryJson => JsonContentType,
        WireProtocol.ConnectUnaryProto => "application/proto",
        WireProtocol.ConnectStreamJson => "application/connect+json",
        WireProtocol.ConnectStreamProto => "application/connect+proto",
    };

    // The longest of ours has 25 characters.
    private const int MediaTypeCharsMax = 32;
}
