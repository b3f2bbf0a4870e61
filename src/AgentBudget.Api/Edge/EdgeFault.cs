using AgentBudget.Api.Errors;
using Google.Rpc;
using Grpc.Core;

namespace AgentBudget.Api.Edge;

/// <summary>What can be wrong with a call before, or beside, what its handler says.</summary>
internal enum EdgeFault
{
    /// <summary>The message, or what it inflates to, is larger than the server takes.</summary>
    MessageTooLarge,

    /// <summary>The request ended without a message.</summary>
    MessageMissing,

    /// <summary>The request ended in the middle of a message.</summary>
    MessageIncomplete,

    /// <summary>The request holds more than the one message that the method takes.</summary>
    MoreThanOneMessage,

    /// <summary>The frame of the message has flags that are not known.</summary>
    FlagsUnknown,

    /// <summary>The message is compressed, and the headers do not say how.</summary>
    CompressionUndeclared,

    /// <summary>The message is not compressed as it says.</summary>
    CompressionInvalid,

    /// <summary>The headers name an encoding that is not known.</summary>
    EncodingUnsupported,

    /// <summary>The message is not one of the method's type.</summary>
    MessageMalformed,

    /// <summary>A header of the protocol, or binary metadata, cannot be read.</summary>
    HeaderMalformed,

    /// <summary>The path is that of no method.</summary>
    MethodUnknown,

    /// <summary>The message did not arrive in time.</summary>
    MessageLate,

    /// <summary>The deadline passed.</summary>
    DeadlinePassed,

    /// <summary>The caller cancelled.</summary>
    CallerGaveUp,

    /// <summary>The server is stopping.</summary>
    Draining,

    /// <summary>A handler failed.</summary>
    Bug,
}

/// <summary>
/// The errors that the edge itself answers with: the one map from an <see cref="EdgeFault"/> to the status, the reason
/// and the sentence that a caller sees.
/// </summary>
internal static class EdgeErrors
{
    /// <summary>The domain of ErrorInfo in the edge's own errors: not that of a handler's.</summary>
    internal const string Domain = "rpc";

    // Texts of the caller's own are echoed up to this, so that a hostile one costs little.
    private const int EchoCharsMax = 400;

    internal static RpcException Make(EdgeFault fault, string? sentence = null) =>
        ApiErrors.Make(CodeOf(fault), sentence ?? SentenceOf(fault), InfoOf(fault));

    internal static RpcException MessageMalformed(string why) =>
        Make(EdgeFault.MessageMalformed, $"The message cannot be read: {Shorten(why)}");

    internal static RpcException MethodUnknown(string path) =>
        Make(EdgeFault.MethodUnknown, $"There is no method {Shorten(path)}.");

    internal static RpcException HeaderMalformed(string header) =>
        Make(EdgeFault.HeaderMalformed, $"The header {Shorten(header)} is malformed.");

    internal static ErrorInfo InfoOf(EdgeFault fault) => new() { Reason = ReasonOf(fault), Domain = Domain };

    internal static StatusCode CodeOf(EdgeFault fault) => fault switch
    {
        EdgeFault.MessageTooLarge => StatusCode.ResourceExhausted,
        EdgeFault.MessageMissing => StatusCode.Unimplemented,
        EdgeFault.MessageIncomplete => StatusCode.Internal,
        EdgeFault.MoreThanOneMessage => StatusCode.Unimplemented,
        EdgeFault.FlagsUnknown => StatusCode.Internal,
        EdgeFault.CompressionUndeclared => StatusCode.Internal,
        EdgeFault.CompressionInvalid => StatusCode.Internal,
        EdgeFault.EncodingUnsupported => StatusCode.Unimplemented,
        EdgeFault.MessageMalformed => StatusCode.InvalidArgument,
        EdgeFault.HeaderMalformed => StatusCode.InvalidArgument,
        EdgeFault.MethodUnknown => StatusCode.Unimplemented,
        EdgeFault.MessageLate => StatusCode.DeadlineExceeded,
        EdgeFault.DeadlinePassed => StatusCode.DeadlineExceeded,
        EdgeFault.CallerGaveUp => StatusCode.Cancelled,
        EdgeFault.Draining => StatusCode.Unavailable,
        EdgeFault.Bug => StatusCode.Internal,
    };

    /// <summary>The reason of a fault, for programs.</summary>
    internal static string ReasonOf(EdgeFault fault) => fault switch
    {
        EdgeFault.MessageTooLarge => "MESSAGE_TOO_LARGE",
        EdgeFault.MessageMissing => "MESSAGE_MISSING",
        EdgeFault.MessageIncomplete => "MESSAGE_INCOMPLETE",
        EdgeFault.MoreThanOneMessage => "MORE_THAN_ONE_MESSAGE",
        EdgeFault.FlagsUnknown => "FLAGS_UNKNOWN",
        EdgeFault.CompressionUndeclared => "COMPRESSION_UNDECLARED",
        EdgeFault.CompressionInvalid => "COMPRESSION_INVALID",
        EdgeFault.EncodingUnsupported => "ENCODING_UNSUPPORTED",
        EdgeFault.MessageMalformed => "MESSAGE_MALFORMED",
        EdgeFault.HeaderMalformed => "HEADER_MALFORMED",
        EdgeFault.MethodUnknown => "METHOD_UNKNOWN",
        EdgeFault.MessageLate => "MESSAGE_LATE",
        EdgeFault.DeadlinePassed => "DEADLINE_PASSED",
        EdgeFault.CallerGaveUp => "CALLER_GAVE_UP",
        EdgeFault.Draining => "DRAINING",
        EdgeFault.Bug => "BUG",
    };

    private static string SentenceOf(EdgeFault fault) => fault switch
    {
        EdgeFault.MessageTooLarge => $"The message is larger than {MessageBounds.MessageBytesMax} bytes.",
        EdgeFault.MessageMissing => "The method takes one message; none came.",
        EdgeFault.MessageIncomplete => "The request ended in the middle of a message.",
        EdgeFault.MoreThanOneMessage => "The method takes one message; more came.",
        EdgeFault.FlagsUnknown => "The flags of the message are unknown.",
        EdgeFault.CompressionUndeclared => "The message is compressed, but the request names no encoding.",
        EdgeFault.CompressionInvalid => "The message is not valid gzip.",
        EdgeFault.EncodingUnsupported => "The encoding is not supported; use gzip or identity.",
        EdgeFault.MessageMalformed => "The message cannot be read.",
        EdgeFault.HeaderMalformed => "A header is malformed.",
        EdgeFault.MethodUnknown => "There is no such method.",
        EdgeFault.MessageLate =>
            $"The request message did not arrive within {MessageBounds.ArrivalMax.TotalSeconds} seconds.",
        EdgeFault.DeadlinePassed => "The deadline passed; the call may have taken effect.",
        EdgeFault.CallerGaveUp => "The caller cancelled the call.",
        EdgeFault.Draining => "The server is shutting down; call another one or retry.",
        EdgeFault.Bug => "The server failed to handle the call; its log says why.",
    };

    private static string Shorten(string text) =>
        text.Length <= EchoCharsMax ? text : string.Concat(text.AsSpan(0, EchoCharsMax), "…");
}
