namespace AgentBudget.Rpc.Wire;

/// <summary>The words and HTTP statuses that Connect has for the codes.</summary>
internal static class ConnectCode
{
    internal static string NameOf(RpcStatusCode code) => code switch
    {
        RpcStatusCode.Ok => "ok",
        RpcStatusCode.Cancelled => "canceled",
        RpcStatusCode.Unknown => "unknown",
        RpcStatusCode.InvalidArgument => "invalid_argument",
        RpcStatusCode.DeadlineExceeded => "deadline_exceeded",
        RpcStatusCode.NotFound => "not_found",
        RpcStatusCode.AlreadyExists => "already_exists",
        RpcStatusCode.PermissionDenied => "permission_denied",
        RpcStatusCode.ResourceExhausted => "resource_exhausted",
        RpcStatusCode.FailedPrecondition => "failed_precondition",
        RpcStatusCode.Aborted => "aborted",
        RpcStatusCode.OutOfRange => "out_of_range",
        RpcStatusCode.Unimplemented => "unimplemented",
        RpcStatusCode.Internal => "internal",
        RpcStatusCode.Unavailable => "unavailable",
        RpcStatusCode.DataLoss => "data_loss",
        RpcStatusCode.Unauthenticated => "unauthenticated",
    };

    internal static int HttpStatusOf(RpcStatusCode code) => code switch
    {
        RpcStatusCode.Ok => 200,
        RpcStatusCode.Cancelled => 499,
        RpcStatusCode.Unknown => 500,
        RpcStatusCode.InvalidArgument => 400,
        RpcStatusCode.DeadlineExceeded => 504,
        RpcStatusCode.NotFound => 404,
        RpcStatusCode.AlreadyExists => 409,
        RpcStatusCode.PermissionDenied => 403,
        RpcStatusCode.ResourceExhausted => 429,
        RpcStatusCode.FailedPrecondition => 400,
        RpcStatusCode.Aborted => 409,
        RpcStatusCode.OutOfRange => 400,
        RpcStatusCode.Unimplemented => 501,
        RpcStatusCode.Internal => 500,
        RpcStatusCode.Unavailable => 503,
        RpcStatusCode.DataLoss => 500,
        RpcStatusCode.Unauthenticated => 401,
    };
}
