namespace AgentBudget.Rpc.Wire;

/// <summary>The errors that the edge itself answers with, each in one place.</summary>
internal static class Faults
{
    internal static RpcException MessageTooLarge(int messageBytesMax) => new(
        RpcStatusCode.ResourceExhausted, $"The message is larger than {messageBytesMax} bytes.");

    internal static RpcException MessageMissing() => new(
        RpcStatusCode.Unimplemented, "The method takes one message; none came.");

    internal static RpcException MoreThanOneMessage() => new(
        RpcStatusCode.Unimplemented, "The method takes one message; more came.");

    internal static RpcException MessageIncomplete() => new(
        RpcStatusCode.Internal, "The request ended in the middle of a message.");

    internal static RpcException FlagsUnknown(byte flags) => new(
        RpcStatusCode.Internal, $"The flags {flags} of the message are unknown.");

    internal static RpcException CompressionUndeclared() => new(
        RpcStatusCode.Internal, "The message is compressed, but the request names no encoding.");

    internal static RpcException EncodingUnsupported(string encoding) => new(
        RpcStatusCode.Unimplemented, $"The encoding {Shorten(encoding)} is not supported; use gzip or identity.");

    internal static RpcException MessageMalformed(string why) => new(
        RpcStatusCode.InvalidArgument, $"The message cannot be read: {Shorten(why)}");

    internal static RpcException TimeoutMalformed(string header) => new(
        RpcStatusCode.InvalidArgument, $"The header {header} is malformed.");

    internal static RpcException MessageLate(TimeSpan limit) => new(
        RpcStatusCode.DeadlineExceeded, $"The request message did not arrive within {limit.TotalSeconds} seconds.");

    internal static RpcException DeadlinePassed() => new(
        RpcStatusCode.DeadlineExceeded, "The deadline passed; the call may have taken effect.");

    internal static RpcException CallerGaveUp() => new(RpcStatusCode.Cancelled, "The caller cancelled the call.");

    internal static RpcException Draining() => new(
        RpcStatusCode.Unavailable, "The server is shutting down; call another one or retry.");

    internal static RpcException MethodUnknown(string path) => new(
        RpcStatusCode.Unimplemented, $"There is no method {Shorten(path)}.");

    internal static RpcException ProtocolVersionUnknown(string version) => new(
        RpcStatusCode.InvalidArgument, $"The connect-protocol-version {Shorten(version)} is not supported; use 1.");

    internal static RpcException Bug() => new(
        RpcStatusCode.Internal, "The server failed to handle the call; its log says why.");

    // Texts of the caller's own are echoed up to this, so that a hostile one costs little.
    private const int EchoCharsMax = 400;

    private static string Shorten(string text) =>
        text.Length <= EchoCharsMax ? text : string.Concat(text.AsSpan(0, EchoCharsMax), "…");
}
