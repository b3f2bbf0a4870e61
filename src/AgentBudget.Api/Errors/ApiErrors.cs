using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;

namespace AgentBudget.Api.Errors;

/// <summary>Errors as they leave: code, sentence, and ErrorInfo with a reason of errors.proto.</summary>
internal static class ApiErrors
{
    internal const string Domain = "agentbudget";

    private const string ReasonPrefix = "ERROR_REASON_";

    private static readonly EnumDescriptor Reasons =
        ErrorsReflection.Descriptor.FindTypeByName<EnumDescriptor>("ErrorReason");

    /// <summary>As errors.proto names it, without the prefix: <c>KEY_REUSED</c>.</summary>
    internal static string NameOf(ErrorReason reason) =>
        Reasons.FindValueByNumber((int)reason).Name[ReasonPrefix.Length..];

    internal static RpcException Make(
        StatusCode code, ErrorReason reason, string message, params ReadOnlySpan<IMessage> details)
    {
        return Make(code, message, [ErrorInfoOf(reason), .. details]);
    }

    /// <summary>An error from its parts, as <c>google.rpc.Status</c> carries them.</summary>
    internal static RpcException Make(StatusCode code, string message, params ReadOnlySpan<IMessage> details)
    {
        Google.Rpc.Status status = new() { Code = (int)code, Message = message };
        foreach (IMessage detail in details)
            status.Details.Add(Any.Pack(detail));
        return status.ToRpcException();
    }

    internal static ErrorInfo ErrorInfoOf(ErrorReason reason) => new() { Reason = NameOf(reason), Domain = Domain };

    internal static RetryInfo RetryAfter(TimeSpan delay) => new() { RetryDelay = Duration.FromTimeSpan(delay) };

    internal static RpcException CredentialInvalid() => Make(
        StatusCode.Unauthenticated,
        ErrorReason.CredentialInvalid,
        "The authorization header is missing or holds no known credential: send authorization: Bearer.");

    internal static RpcException SessionTokenInvalid() => Make(
        StatusCode.Unauthenticated,
        ErrorReason.SessionTokenInvalid,
        "The session token is unreadable, not ours, or past its expiry: open a session, or renew it in time.");

    internal static RpcException ProofsExhausted() => Make(
        StatusCode.ResourceExhausted,
        ErrorReason.BoundReached,
        "This principal, or its tenant, has used as many proofs as are remembered: send fewer, or open a stream.",
        RetryAfter(TimeSpan.FromSeconds(10)));

    internal static RpcException ProofUnknown() => Make(
        StatusCode.Unavailable,
        ErrorReason.NotReady,
        "Whether this proof was used before cannot be said now; nothing was changed. Retry with a fresh proof.",
        RetryAfter(TimeSpan.FromSeconds(1)));

    internal static RpcException RoleForbidden() => Make(
        StatusCode.PermissionDenied, ErrorReason.RoleForbidden, "This credential may not do that.");

    internal static RpcException Defect() => Make(
        StatusCode.Internal,
        ErrorReason.Internal,
        "A defect stopped this call before any effect. A retry with the same request_id is safe.");

    internal static RpcException TenantNotFound() => Make(
        StatusCode.NotFound,
        ErrorReason.TenantNotFound,
        "There is no such tenant, or it has no catalog: apply one.");

    internal static RpcException SessionNotFound() => Make(
        StatusCode.NotFound, ErrorReason.SessionNotFound, "There is no such session.");

    internal static RpcException CredentialNotFound() => Make(
        StatusCode.NotFound, ErrorReason.CredentialNotFound, "There is no such credential.");

    internal static RpcException ReservationNotFound() => Make(
        StatusCode.NotFound, ErrorReason.ReservationNotFound, "There is no such reservation in this session.");
}
