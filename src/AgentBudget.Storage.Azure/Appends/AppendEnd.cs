using Azure;
using Azure.Storage.Blobs.Models;

namespace AgentBudget.Storage.Azure.Appends;

/// <summary>How one attempt to append ended.</summary>
internal enum AppendEnd
{
    /// <summary>The block is there.</summary>
    Written,

    /// <summary>The service refused it: the lease is not ours any more, or the segment is sealed.</summary>
    NotWritten,

    /// <summary>
    /// The segment does not end where the block was to begin: an attempt of ours landed before, or somebody else's. To
    /// be told apart by reading.
    /// </summary>
    Elsewhere,

    /// <summary>Nobody said.</summary>
    Unknown,
}

/// <summary>The one place that sorts what Azure Storage says to an append.</summary>
internal static class AppendEnds
{
    /// <summary>
    /// What became of a block whose attempt failed. A precondition is compared in the step that writes, so one that is
    /// not met says that this attempt wrote nothing. Whatever else is said (5xx, a timeout, a broken connection, a
    /// refusal that has nothing to do with the fence) may have come before the write or after it.
    /// </summary>
    public static AppendEnd Of(Exception fault)
    {
        if (fault is not RequestFailedException { ErrorCode: { } code, Status: 409 or 412 }) return AppendEnd.Unknown;
        if (code == BlobErrorCode.AppendPositionConditionNotMet) return AppendEnd.Elsewhere;
        return code == BlobErrorCode.LeaseIdMismatchWithBlobOperation
            || code == BlobErrorCode.LeaseIdMissing
            || code == BlobErrorCode.LeaseLost
            || code == BlobErrorCode.LeaseNotPresentWithBlobOperation
            || code == IsSealed
            ? AppendEnd.NotWritten
            : AppendEnd.Unknown;
    }

    private const string IsSealed = "BlobIsSealed"; // The library has no name for it.
}
