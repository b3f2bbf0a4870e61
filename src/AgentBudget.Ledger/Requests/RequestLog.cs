using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AgentBudget.Protocol.Snapshot.V1;

namespace AgentBudget.Ledger.Requests;

/// <summary>
/// What a request id is unique within, beside its principal and session. Values are part of stored keys.
/// </summary>
internal enum Operation
{
    /// <summary>ReserveTokens.</summary>
    Reserve = 1,

    /// <summary>CommitTokens.</summary>
    Commit = 2,

    /// <summary>ReleaseTokens.</summary>
    Release = 3,

    /// <summary>OpenSession.</summary>
    Open = 4,

    /// <summary>RenewSession.</summary>
    Renew = 5,

    /// <summary>EndSession.</summary>
    End = 6,

    /// <summary>RevokeSession.</summary>
    Revoke = 7,

    /// <summary>ApplyCatalog.</summary>
    ApplyCatalog = 8,

    /// <summary>ExtendBudget.</summary>
    ExtendBudget = 9,

    /// <summary>AmendReservation.</summary>
    Amend = 10,

    /// <summary>RecordCost.</summary>
    RecordCost = 11,

    /// <summary>PatchCatalog.</summary>
    PatchCatalog = 35,

    /// <summary>SuspendSession.</summary>
    Suspend = 40,

    /// <summary>ResumeSession.</summary>
    Resume = 41,

    /// <summary>ResetBreaker.</summary>
    ResetBreaker = 42,

    /// <summary>CreateCredential.</summary>
    CreateCredential = 50,

    /// <summary>RevokeCredential.</summary>
    RevokeCredential = 51,

    /// <summary>SuspendAgent.</summary>
    SuspendAgent = 52,

    /// <summary>ResumeAgent.</summary>
    ResumeAgent = 53,

    /// <summary>DecommissionAgent.</summary>
    DecommissionAgent = 54,

    /// <summary>AuthorizeTool.</summary>
    AuthorizeTool = 55,

    /// <summary>Revocation of an access token.</summary>
    RevokeAccessToken = 56,

    /// <summary>RotateSigningKey.</summary>
    RotateSigningKey = 57,

    /// <summary>Whatever administers where notices go.</summary>
    ChangeNotifications = 58,

    /// <summary>ResetBudget.</summary>
    ResetBudget = 80,

    /// <summary>AdjustSpend.</summary>
    AdjustSpend = 81,

    /// <summary>RerateSpend.</summary>
    RerateSpend = 82,

    /// <summary>A silo's word on which credentials are in use.</summary>
    RecordUses = 60,

    /// <summary>RevokeSessions.</summary>
    RevokeSessions = 61,

    /// <summary>DecideDispute.</summary>
    DecideDispute = 70,

    /// <summary>RequestExtension.</summary>
    RequestExtension = 83,

    /// <summary>DecideExtension.</summary>
    DecideExtension = 84,

    /// <summary>Not a request: remembers that a reservation was settled, after it has left memory.</summary>
    Settled = 100,
}

/// <summary>
/// A request that was answered: 128-bit key → content, event and time. Its fields are its stored bytes.
/// </summary>
internal readonly record struct AnsweredRequest(RequestKey Key, ContentSha Content, long Sequence, long TimeNanos)
    : ILogEntry<RequestKey>
{
    public static uint HashOf(in RequestKey key) => (uint)key.Low;
}

/// <summary>The same as a former release stored it: of its content there is a fingerprint.</summary>
internal readonly record struct FormerRequest(RequestKey Key, ulong Fingerprint, long Sequence, long TimeNanos)
{
    public AnsweredRequest ToAnswered() => new(Key, new ContentSha(Fingerprint, 0, 0, 0), Sequence, TimeNanos);
}

/// <summary>
/// Requests of one principal that were answered, within a session or within the tenant. The key is short and no secret:
/// what a principal's ids come to is apart from everybody else's.
/// </summary>
internal sealed class RequestLog
{
    /// <summary>Requests can be repeated for this long (24 h).</summary>
    internal const long RetentionNanos = 24L * 60 * 60 * 1_000_000_000;

    private readonly KeyedLog<RequestKey, AnsweredRequest> _log = new();

    /// <summary>Entries in memory, forgotten ones that were not swept yet among them.</summary>
    public int Count => _log.Count;

    /// <summary>Entries that fit before the log grows or forgets.</summary>
    public int Capacity => _log.Capacity;

    /// <summary>
    /// The request with this key; false if there was none. One before <paramref name="forgetBeforeNanos"/> is
    /// forgotten, whether or not its entry is still there.
    /// </summary>
    public bool TryFind(in RequestKey key, long forgetBeforeNanos, out AnsweredRequest found) =>
        _log.TryFind(key, forgetBeforeNanos, out found);

    /// <summary>Remembers a request.</summary>
    /// <param name="key">The key; not there, or forgotten.</param>
    /// <param name="content">Its content.</param>
    /// <param name="sequence">The event that it made.</param>
    /// <param name="timeNanos">The event's time; never before that of the last.</param>
    /// <param name="forgetBeforeNanos">Entries before this time are forgotten.</param>
    public void Add(in RequestKey key, in ContentSha content, long sequence, long timeNanos, long forgetBeforeNanos)
    {
        Invariant.Holds(sequence > 0);
        _log.Add(new AnsweredRequest(key, content, sequence, timeNanos), forgetBeforeNanos);
    }

    /// <summary>What is not forgotten, in the order of its events. It stays as it is.</summary>
    public ReadOnlyMemory<AnsweredRequest> Take(long forgetBeforeNanos) => _log.Take(forgetBeforeNanos);

    public void Restore(RequestLogState state)
    {
        _log.Restore(MemoryMarshal.Cast<byte, AnsweredRequest>(Whole<AnsweredRequest>(state.Answered)));
    }

    /// <summary>Takes back what a former release stored.</summary>
    public void RestoreFormer(RequestLogState state)
    {
        ReadOnlySpan<FormerRequest> former = MemoryMarshal.Cast<byte, FormerRequest>(
            Whole<FormerRequest>(state.Entries));
        var answered = new AnsweredRequest[former.Length];
        for (int place = 0; place < former.Length; place++) answered[place] = former[place].ToAnswered();
        _log.Restore(answered);
    }

    private static ReadOnlySpan<byte> Whole<TEntry>(Google.Protobuf.ByteString bytes)
    {
        Invariant.Holds(bytes.Length % Unsafe.SizeOf<TEntry>() == 0);
        return bytes.Span;
    }
}
