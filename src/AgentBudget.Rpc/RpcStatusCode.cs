namespace AgentBudget.Rpc;

/// <summary>
/// How a call ended. Numbers and meanings are those of gRPC (<c>google.rpc.Code</c>); Connect sends the same as words.
/// </summary>
public enum RpcStatusCode
{
    /// <summary>The call succeeded.</summary>
    Ok = 0,

    /// <summary>The caller gave up.</summary>
    Cancelled = 1,

    /// <summary>An error that says nothing more about itself.</summary>
    Unknown = 2,

    /// <summary>The request is wrong whatever the state of the server; do not retry it.</summary>
    InvalidArgument = 3,

    /// <summary>The deadline passed first; the call may have taken effect.</summary>
    DeadlineExceeded = 4,

    /// <summary>What the request names does not exist, or not for this caller.</summary>
    NotFound = 5,

    /// <summary>What the request creates is already there.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known and may not do this.</summary>
    PermissionDenied = 7,

    /// <summary>A quota, a size limit or a queue is full.</summary>
    ResourceExhausted = 8,

    /// <summary>The state of the server has to change before the call can succeed.</summary>
    FailedPrecondition = 9,

    /// <summary>A conflict with another call; retry from the read.</summary>
    Aborted = 10,

    /// <summary>Past the end of a valid range.</summary>
    OutOfRange = 11,

    /// <summary>The server has no such method, or does not support how it was called.</summary>
    Unimplemented = 12,

    /// <summary>A bug of the server, or a message broken beneath the application.</summary>
    Internal = 13,

    /// <summary>The server cannot serve now; retry later or elsewhere.</summary>
    Unavailable = 14,

    /// <summary>Data is lost or corrupted.</summary>
    DataLoss = 15,

    /// <summary>The caller sent no credential, or one that is not valid.</summary>
    Unauthenticated = 16,
}
