using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Status = Google.Rpc.Status;

namespace AgentBudget.Rpc;

/// <summary>
/// A call that ended in an error. A handler throws it to answer: code, message and details reach the caller in every
/// protocol.
/// </summary>
/// <remarks>
/// gRPC carries the details in one header, which clients bound. Details that do not fit it are left out there, and code
/// and message still arrive.
/// </remarks>
public sealed class RpcException : Exception
{
    /// <summary>Makes the answer from its parts.</summary>
    /// <param name="code">Any code but <see cref="RpcStatusCode.Ok"/>.</param>
    /// <param name="message">A sentence for the caller's developer. It leaves the process: no secret in it.</param>
    /// <param name="details">Messages such as <c>google.rpc.BadRequest</c>, each sent as a <c>google.protobuf.Any</c>.
    /// </param>
    public RpcException(RpcStatusCode code, string message, params IMessage[] details)
        : this(StatusOf(code, message, details))
    {
    }

    /// <summary>Makes the answer from a status.</summary>
    /// <param name="status">Kept, not copied. Its code is not <see cref="RpcStatusCode.Ok"/>; a code that gRPC does not
    /// know reads as <see cref="RpcStatusCode.Unknown"/>.</param>
    public RpcException(Status status)
        : base(MessageOf(status))
    {
        Status = status;
        StatusCode = status.Code is > (int)RpcStatusCode.Ok and <= (int)RpcStatusCode.Unauthenticated
            ? (RpcStatusCode)status.Code
            : RpcStatusCode.Unknown;
    }

    /// <summary>How the call ended.</summary>
    public RpcStatusCode StatusCode { get; }

    /// <summary>Code, message and details as they travel.</summary>
    public Status Status { get; }

    /// <summary>The first detail of the type asked for, or null when the status has none that can be read.</summary>
    /// <typeparam name="TDetail">A message type such as <c>google.rpc.ErrorInfo</c>.</typeparam>
    public TDetail? GetDetail<TDetail>()
        where TDetail : class, IMessage<TDetail>, new()
    {
        foreach (Any detail in Status.Details)
        {
            if (detail.TryUnpack(out TDetail found))
                return found;
        }

        return null;
    }

    private static string MessageOf(Status status)
    {
        ArgumentNullException.ThrowIfNull(status);
        ArgumentOutOfRangeException.ThrowIfEqual(status.Code, (int)RpcStatusCode.Ok);
        return status.Message;
    }

    private static Status StatusOf(RpcStatusCode code, string message, IMessage[] details)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(details);
        Status status = new() { Code = (int)code, Message = message };
        foreach (IMessage detail in details)
            status.Details.Add(Any.Pack(detail));
        return status;
    }
}
