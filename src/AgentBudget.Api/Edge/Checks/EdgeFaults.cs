using AgentBudget.Api.Errors;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Status = Google.Rpc.Status;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// The errors that the edge itself answers with: the one map from an <see cref="EdgeFault"/> to the status and the
/// reason that a caller sees, and the sentence of each.
/// </summary>
internal static class EdgeFaults
{
    // Texts of the caller's own are echoed up to this, so that a hostile one costs little.
    private const int EchoCharsMax = 400;

    /// <summary>The status of a fault.</summary>
    internal static Code CodeOf(EdgeFault fault) => fault switch
    {
        EdgeFault.MessageTooLarge => Code.ResourceExhausted,
        EdgeFault.TooManyItems => Code.ResourceExhausted,
        EdgeFault.MessageMissing => Code.Unimplemented,
        EdgeFault.MoreThanOneMessage => Code.Unimplemented,
        EdgeFault.MessageIncomplete => Code.Internal,
        EdgeFault.FlagsUnknown => Code.Internal,
        EdgeFault.CompressionUndeclared => Code.Internal,
        EdgeFault.CompressionInvalid => Code.Internal,
        EdgeFault.EncodingUnsupported => Code.Unimplemented,
        EdgeFault.MessageMalformed => Code.InvalidArgument,
        EdgeFault.HeaderMalformed => Code.InvalidArgument,
        EdgeFault.MethodUnknown => Code.Unimplemented,
        EdgeFault.MessageLate => Code.DeadlineExceeded,
        EdgeFault.DeadlinePassed => Code.DeadlineExceeded,
        EdgeFault.CallerGaveUp => Code.Cancelled,
        EdgeFault.Draining => Code.Unavailable,
        EdgeFault.Bug => Code.Internal,
    };

    /// <summary>The reason of a fault, for programs: a name of <c>EdgeReason</c> without its prefix.</summary>
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
        EdgeFault.MethodUnknown => "METHOD_UNKNOWN",
        EdgeFault.MessageLate => "MESSAGE_LATE",
        EdgeFault.DeadlinePassed => "DEADLINE_PASSED",
        EdgeFault.CallerGaveUp => "CALLER_GAVE_UP",
        EdgeFault.Draining => "DRAINING",
        EdgeFault.Bug => "BUG",
    };

    internal static Status MessageTooLarge(int bytesMax) => Make(
        EdgeFault.MessageTooLarge, $"The message is larger than {bytesMax} bytes.");

    internal static Status TooManyItems(int itemsMax) => Make(
        EdgeFault.TooManyItems,
        $"The message holds more than {itemsMax} items: elements of lists and maps, and unknown fields.");

    internal static Status MessageMissing() => Make(
        EdgeFault.MessageMissing, "The method takes one message; none came.");

    internal static Status MoreThanOneMessage() => Make(
        EdgeFault.MoreThanOneMessage, "The method takes one message; more came.");

    internal static Status MessageIncomplete() => Make(
        EdgeFault.MessageIncomplete, "The request ended in the middle of a message.");

    internal static Status FlagsUnknown(byte flags) => Make(
        EdgeFault.FlagsUnknown, $"The flags {flags} of the message are unknown.");

    internal static Status CompressionUndeclared() => Make(
        EdgeFault.CompressionUndeclared, "The message is compressed, but the request names no encoding.");

    internal static Status CompressionInvalid() => Make(
        EdgeFault.CompressionInvalid, "The message is not valid gzip.");

    internal static Status EncodingUnsupported(string encoding) => Make(
        EdgeFault.EncodingUnsupported, $"The encoding {Shorten(encoding)} is not supported; use gzip or identity.");

    internal static Status MessageMalformed(string why) => Make(
        EdgeFault.MessageMalformed, $"The message cannot be read: {Shorten(why)}");

    /// <summary>The message has faults in named places, of which the sentence tells the first.</summary>
    internal static Status MessageMalformed(IReadOnlyList<BadRequest.Types.FieldViolation> violations)
    {
        BadRequest.Types.FieldViolation first = violations[0];
        Status status = MessageMalformed(
            first.Field.Length == 0 ? $"it {first.Description}" : $"{first.Field}: {first.Description}");
        status.Details.Add(Any.Pack(new BadRequest { FieldViolations = { violations } }));
        return status;
    }

    internal static Status HeaderMalformed(string name) => Make(
        EdgeFault.HeaderMalformed, $"The header {Shorten(name)} is malformed.");

    internal static Status ContentTypeUnsupported(string? contentType) => Make(
        EdgeFault.HeaderMalformed,
        $"The content-type must be application/json in UTF-8; it is {Shorten(contentType ?? "missing")}.");

    internal static Status MethodUnknown(string path) => Make(
        EdgeFault.MethodUnknown, $"There is no method {Shorten(path)}.");

    internal static Status MessageLate(TimeSpan arrivalMax) => Make(
        EdgeFault.MessageLate, $"The message did not arrive within {arrivalMax.TotalSeconds:0} seconds.");

    internal static Status DeadlinePassed() => Make(
        EdgeFault.DeadlinePassed, "The deadline passed before the call began.");

    internal static Status DeadlinePassedInside() => Make(
        EdgeFault.DeadlinePassed, "The deadline passed; the call may have taken effect.");

    internal static Status CallerGaveUp() => Make(EdgeFault.CallerGaveUp, "The caller cancelled the call.");

    internal static Status Draining() => Make(
        EdgeFault.Draining, "The server is shutting down; call another one or retry.");

    internal static Status Bug() => Make(EdgeFault.Bug, "The server failed to handle the call; its log says why.");

    /// <summary>The error of a fault.</summary>
    internal static Status Make(EdgeFault fault, string message)
    {
        ErrorInfo info = new() { Reason = ReasonOf(fault), Domain = ApiErrors.Domain };
        return new Status { Code = (int)CodeOf(fault), Message = message, Details = { Any.Pack(info) } };
    }

    internal static string Shorten(string text) =>
        text.Length <= EchoCharsMax ? text : string.Concat(text.AsSpan(0, EchoCharsMax), "…");
}
