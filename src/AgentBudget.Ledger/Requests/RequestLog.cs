using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.Snapshot.V1;

namespace AgentBudget.Ledger.Requests;

/// <summary>What a request id is unique within, beside its session. Values are part of stored keys.</summary>
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

    /// <summary>A silo's word on which credentials are in use.</summary>
    RecordUses = 60,

    /// <summary>Not a request: remembers that a reservation was settled, after it has left memory.</summary>
    Settled = 100,
}

/// <summary>
/// A request that was answered: 128-bit key → fingerprint, event and time. Its fields are its stored bytes.
/// </summary>
internal readonly record struct AnsweredRequest(RequestKey Key, ulong Fingerprint, long Sequence, long TimeNanos)
    : ILogEntry<RequestKey>
{
    public static uint HashOf(in RequestKey key) => (uint)key.Low;
}

/// <summary>
/// Requests that were answered. A session's log lives as long as the session is known; the tenant's own forgets by log
/// time.
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
    /// The event that a request made, or 0; and the fingerprint it had. One before <paramref name="forgetBeforeNanos"/>
    /// is forgotten, whether or not its entry is still there.
    /// </summary>
    public long Find(in RequestKey key, long forgetBeforeNanos, out ulong fingerprint)
    {
        _log.TryFind(key, forgetBeforeNanos, out AnsweredRequest found);
        fingerprint = found.Fingerprint;
        return found.Sequence;
    }

    /// <summary>
    /// Whether the request was handled before: with the same content, the answer is that of the event it made; with
    /// other content, the key was reused.
    /// </summary>
    public bool TryAnswer(
        Operation operation, string requestId, ulong fingerprint, long forgetBeforeNanos, out Answer answer)
    {
        long sequence = Find(RequestKey.For(operation, requestId), forgetBeforeNanos, out ulong known);
        answer = sequence == 0
            ? default
            : known == fingerprint ? new Answer(Outcome.Done, DuplicateOf: sequence) : new Answer(Outcome.KeyReused);
        return sequence != 0;
    }

    /// <summary>Remembers a request.</summary>
    /// <param name="key">The key; not there, or forgotten.</param>
    /// <param name="fingerprint">Of its content.</param>
    /// <param name="sequence">The event that it made.</param>
    /// <param name="timeNanos">The event's time; never before that of the last.</param>
    /// <param name="forgetBeforeNanos">Entries before this time are forgotten.</param>
    public void Add(in RequestKey key, ulong fingerprint, long sequence, long timeNanos, long forgetBeforeNanos)
    {
        Invariant.Holds(sequence > 0);
        _log.Add(new AnsweredRequest(key, fingerprint, sequence, timeNanos), forgetBeforeNanos);
    }

    /// <summary>What is not forgotten, in the order of its events. It stays as it is.</summary>
    public ReadOnlyMemory<AnsweredRequest> Take(long forgetBeforeNanos) => _log.Take(forgetBeforeNanos);

    public static RequestLogState ToState(ReadOnlyMemory<AnsweredRequest> requests) =>
        new() { Entries = StructBytes<AnsweredRequest>.Of(requests) };

    public void Restore(RequestLogState? state)
    {
        if (state is null) return;
        Invariant.Holds(state.Entries.Length % Unsafe.SizeOf<AnsweredRequest>() == 0);
        _log.Restore(MemoryMarshal.Cast<byte, AnsweredRequest>(state.Entries.Span));
    }
}
