using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;

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
        RpcStatusCode code, ErrorReason reason, string message, params ReadOnlySpan<IMessage> details)
    {
        IMessage[] all = [ErrorInfoOf(reason), .. details];
        return new RpcException(code, message, all);
    }

    internal static ErrorInfo ErrorInfoOf(ErrorReason reason) => new() { Reason = NameOf(reason), Domain = Domain };

    internal static RetryInfo RetryAfter(TimeSpan delay) => new() { RetryDelay = Duration.FromTimeSpan(delay) };

    internal static RpcException CredentialInvalid() => Make(
        RpcStatusCode.Unauthenticated,
        ErrorReason.CredentialInvalid,
        "The authorization header is missing or holds no known credential: send authorization: Bearer.");

    internal static RpcException SessionTokenInvalid() => Make(
        RpcStatusCode.Unauthenticated,
        ErrorReason.SessionTokenInvalid,
        "The session token is unreadable, not ours, or past its expiry: open a session, or renew it in time.");

    internal static RpcException RoleForbidden() => Make(
        RpcStatusCode.PermissionDenied, ErrorReason.RoleForbidden, "This credential may not do that.");

    internal static RpcException Defect() => Make(
        RpcStatusCode.Internal,
        ErrorReason.Internal,
        "A defect stopped this call before any effect. A retry with the same request_id is safe.");

    internal static RpcException TenantNotFound() => Make(
        RpcStatusCode.NotFound,
        ErrorReason.TenantNotFound,
        "There is no such tenant, or it has no catalog: apply one.");

    internal static RpcException SessionNotFound() => Make(
        RpcStatusCode.NotFound, ErrorReason.SessionNotFound, "There is no such session.");

    internal static RpcException CredentialNotFound() => Make(
        RpcStatusCode.NotFound, ErrorReason.CredentialNotFound, "There is no such credential.");

    internal static RpcException ReservationNotFound() => Make(
        RpcStatusCode.NotFound, ErrorReason.ReservationNotFound, "There is no such reservation in this session.");
}
