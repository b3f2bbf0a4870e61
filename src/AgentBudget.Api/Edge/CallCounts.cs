using System.Diagnostics.Metrics;
using Grpc.Core;

namespace AgentBudget.Api.Edge;

/// <summary>
/// How often calls of one method ended with each status. To count one is a single interlocked addition; nothing else is
/// done until somebody asks. As the endpoint's metadata it says that the endpoint is a method.
/// </summary>
internal sealed class CallCounts(string method)
{
    private readonly long[] _byCode = new long[(int)StatusCode.Unauthenticated + 1]; // The last of them.

    internal void Add(StatusCode code) => Interlocked.Increment(ref _byCode[(int)code]);

    /// <summary>What was counted, of each status that was; for whoever reads metrics.</summary>
    internal IEnumerable<Measurement<long>> Read()
    {
        for (int code = 0; code < _byCode.Length; code++)
        {
            long count = Interlocked.Read(ref _byCode[code]);
            if (count > 0)
                yield return new Measurement<long>(count, new("method", method), new("code", NameOf((StatusCode)code)));
        }
    }

    /// <summary>A status as labels name it.</summary>
    private static string NameOf(StatusCode code) => code switch
    {
        StatusCode.OK => "ok",
        StatusCode.Cancelled => "canceled",
        StatusCode.Unknown => "unknown",
        StatusCode.InvalidArgument => "invalid_argument",
        StatusCode.DeadlineExceeded => "deadline_exceeded",
        StatusCode.NotFound => "not_found",
        StatusCode.AlreadyExists => "already_exists",
        StatusCode.PermissionDenied => "permission_denied",
        StatusCode.ResourceExhausted => "resource_exhausted",
        StatusCode.FailedPrecondition => "failed_precondition",
        StatusCode.Aborted => "aborted",
        StatusCode.OutOfRange => "out_of_range",
        StatusCode.Unimplemented => "unimplemented",
        StatusCode.Internal => "internal",
        StatusCode.Unavailable => "unavailable",
        StatusCode.DataLoss => "data_loss",
        StatusCode.Unauthenticated => "unauthenticated",
    };
}
