using Google.Rpc;

namespace AgentBudget.Rpc.Wire;

/// <summary>
/// The errors that the edge itself answers with: the one map from an <see cref="EdgeFault"/> to the status and the
/// reason that a caller sees, and the sentence of each.
/// </summary>
internal static class Faults
{
    /// <summary>The domain of <c>google.rpc.ErrorInfo</c> in the edge's own errors: not that of a handler's.</summary>
    internal const string Domain = "rpc";

    /// <summary>The status of a fault. Over Connect <see cref="EdgeFault.CompressionInvalid"/> has another.</summary>
    internal static RpcStatusCode CodeOf(EdgeFault fault) => fault switch
    {
        EdgeFault.MessageTooLarge => RpcStatusCode.ResourceExhausted,
        EdgeFault.TooManyItems => RpcStatusCode.ResourceExhausted,
        EdgeFault.MessageMissing => RpcStatusCode.Unimplemented,
        EdgeFault.MoreThanOneMessage => RpcStatusCode.Unimplemented,
        EdgeFault.MessageIncomplete => RpcStatusCode.Internal,
        EdgeFault.FlagsUnknown => RpcStatusCode.Internal,
        EdgeFault.CompressionUndeclared => RpcStatusCode.Internal,
        EdgeFault.CompressionInvalid => RpcStatusCode.Internal,
        EdgeFault.EncodingUnsupported => RpcStatusCode.Unimplemented,
        EdgeFault.MessageMalformed => RpcStatusCode.InvalidArgument,
        EdgeFault.HeaderMalformed => RpcStatusCode.InvalidArgument,
        EdgeFault.ProtocolVersionUnknown => RpcStatusCode.InvalidArgument,
        EdgeFault.MethodUnknown => RpcStatusCode.Unimplemented,
        EdgeFault.MessageLate => RpcStatusCode.DeadlineExceeded,
        EdgeFault.DeadlinePassed => RpcStatusCode.DeadlineExceeded,
        EdgeFault.CallerGaveUp => RpcStatusCode.Cancelled,
        EdgeFault.Draining => RpcStatusCode.Unavailable,
        EdgeFault.Bug => RpcStatusCode.Internal,
    };

    /// <summary>The reason of a fault, for programs.</summary>
    internal static string ReasonOf(EdgeFault fault) => fault switch
    {
        EdgeFault.MessageTooLarge => "MESSAGE_TOO_LARGE",
        EdgeFault.TooManyItems => "TOO_MANY_ITEMS",
        EdgeFault.MessageMissing => "MESSAGE_MISSING",
        EdgeFault.MoreThanOneMessage => "MORE_THAN_ONE_MESSAGE",
        EdgeFault.MessageIncomplete => "MESSAGE_INCOMPLETE",
        EdgeFault.FlagsUnknown => "FLAGS_UNKNOWN",
        EdgeFault.CompressionUndeclared => "COMPRESSION_UNDECLARED",
        EdgeFault.CompressionInvalid => "COMPRESSION_INVALID",
        EdgeFault.EncodingUnsupported => "ENCODING_UNSUPPORTED",
        EdgeFault.MessageMalformed => "MESSAGE_MALFORMED",
        EdgeFault.HeaderMalformed => "HEADER_MALFORMED",
        EdgeFault.ProtocolVersionUnknown => "PROTOCOL_VERSION_UNKNOWN",
        EdgeFault.MethodUnknown => "METHOD_UNKNOWN",
        EdgeFault.MessageLate => "MESSAGE_LATE",
        EdgeFault.DeadlinePassed => "DEADLINE_PASSED",
        EdgeFault.CallerGaveUp => "CALLER_GAVE_UP",
        EdgeFault.Draining => "DRAINING",
        EdgeFault.Bug => "BUG",
    };

    internal static RpcException MessageTooLarge(int messageBytesMax) => Make(
        EdgeFault.MessageTooLarge, $"The message is larger than {messageBytesMax} bytes.");

    internal static RpcException TooManyItems(int messageItemsMax) => Make(
        EdgeFault.TooManyItems,
        $"The message holds more than {messageItemsMax} items: elements of lists and maps, and unknown fields.");

    internal static RpcException MessageMissing() => Make(
        EdgeFault.MessageMissing, "The method takes one message; none came.");

    internal static RpcException MoreThanOneMessage() => Make(
        EdgeFault.MoreThanOneMessage, "The method takes one message; more came.");

    internal static RpcException MessageIncomplete() => Make(
        EdgeFault.MessageIncomplete, "The request ended in the middle of a message.");

    internal static RpcException FlagsUnknown(byte flags) => Make(
        EdgeFault.FlagsUnknown, $"The flags {flags} of the message are unknown.");

    internal static RpcException CompressionUndeclared() => Make(
        EdgeFault.CompressionUndeclared, "The message is compressed, but the request names no encoding.");

    internal static RpcException CompressionInvalid(WireProtocol protocol) => Make(
        WireProtocols.IsGrpcFamily(protocol) ? CodeOf(EdgeFault.CompressionInvalid) : RpcStatusCode.InvalidArgument,
        EdgeFault.CompressionInvalid,
        "The message is not valid gzip.");

    internal static RpcException EncodingUnsupported(string encoding) => Make(
        EdgeFault.EncodingUnsupported, $"The encoding {Shorten(encoding)} is not supported; use gzip or identity.");

    internal static RpcException MessageMalformed(string why) => Make(
        EdgeFault.MessageMalformed, $"The message cannot be read: {Shorten(why)}");

    internal static RpcException HeaderMalformed(string header) => Make(
        EdgeFault.HeaderMalformed, $"The header {Shorten(header)} is malformed.");

    internal static RpcException MessageLate(TimeSpan limit) => Make(
        EdgeFault.MessageLate, $"The request message did not arrive within {limit.TotalSeconds} seconds.");

    internal static RpcException DeadlinePassed() => Make(
        EdgeFault.DeadlinePassed, "The deadline passed; the call may have taken effect.");

    internal static RpcException CallerGaveUp() => Make(EdgeFault.CallerGaveUp, "The caller cancelled the call.");

    internal static RpcException Draining() => Make(
        EdgeFault.Draining, "The server is shutting down; call another one or retry.");

    internal static RpcException MethodUnknown(string path) => Make(
        EdgeFault.MethodUnknown, $"There is no method {Shorten(path)}.");

    internal static RpcException ProtocolVersionUnknown(string version) => Make(
        EdgeFault.ProtocolVersionUnknown, $"The connect-protocol-version {Shorten(version)} is not supported; use 1.");

    internal static RpcException Bug() => Make(
        EdgeFault.Bug, "The server failed to handle the call; its log says why.");

    /// <summary>The error of a fault.</summary>
    internal static RpcException Make(EdgeFault fault, string message) => Make(CodeOf(fault), fault, message);

    private static RpcException Make(RpcStatusCode code, EdgeFault fault, string message) =>
        new(code, message, new ErrorInfo { Reason = ReasonOf(fault), Domain = Domain });

    // Texts of the caller's own are echoed up to this, so that a hostile one costs little.
    private const int EchoCharsMax = 400;

    private static string Shorten(string text) =>
        text.Length <= EchoCharsMax ? text : string.Concat(text.AsSpan(0, EchoCharsMax), "…");
}
