using System.Buffers.Binary;
using System.Numerics;
using AgentBudget.Protocol.Snapshot.V1;
using Google.Protobuf;

namespace AgentBudget.Grains.Reservations;

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
/// Requests that were answered: 128-bit key → fingerprint, event and time. Open addressing over plain structs, so a
/// million entries are one array that the garbage collector does not look into. A session's log lives as long as the
/// session is known. The tenant's own forgets by log time: an entry is not found from its time on, and its place is
/// taken back when the log is full or a retention has passed since the last sweep.
/// </summary>
internal sealed class RequestLog
{
    /// <summary>Requests can be repeated for this long (24 h).</summary>
    internal const long RetentionNanos = 24L * 60 * 60 * 1_000_000_000;

    private const int FirstCapacity = 8;
    private const int EntryBytes = 5 * sizeof(ulong);

    private Entry[] _entries = [];
    private int _count;
    private long _sweepNanos = long.MaxValue;

    private struct Entry
    {
        public RequestKey Key;
        public ulong Fingerprint;
        public long Sequence;
        public long TimeNanos;
    }

    public int Count => _count;

    /// <summary>Entries that fit before the log grows or forgets.</summary>
    public int Capacity => _entries.Length;

    /// <summary>
    /// The event that a request made, or 0; and the fingerprint it had. One before <paramref name="forgetBeforeNanos"/>
    /// is forgotten, whether or not its entry is still there.
    /// </summary>
    public long Find(in RequestKey key, long forgetBeforeNanos, out ulong fingerprint)
    {
        fingerprint = 0;
        if (_count == 0) return 0;
        ref Entry entry = ref _entries[Place(_entries, key)];
        if (entry.TimeNanos < forgetBeforeNanos) return 0;
        fingerprint = entry.Fingerprint;
        return entry.Sequence;
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
    /// <param name="timeNanos">The event's time.</param>
    /// <param name="forgetBeforeNanos">Entries before this time are forgotten.</param>
    public void Add(in RequestKey key, ulong fingerprint, long sequence, long timeNanos, long forgetBeforeNanos)
    {
        Invariant.Holds(sequence > 0);
        if ((_count + 1) * 4 > _entries.Length * 3 || forgetBeforeNanos > _sweepNanos)
            Sweep(forgetBeforeNanos, timeNanos);
        ref Entry entry = ref _entries[Place(_entries, key)];
        Invariant.Holds(entry.Sequence == 0 || entry.TimeNanos < forgetBeforeNanos);
        if (entry.Sequence == 0) _count++;
        entry = new Entry { Key = key, Fingerprint = fingerprint, Sequence = sequence, TimeNanos = timeNanos };
    }

    /// <summary>Entries by key. Those before <paramref name="forgetBeforeNanos"/> are left out.</summary>
    public RequestLogState ToState(long forgetBeforeNanos)
    {
        Entry[] kept = _entries.Where(entry => entry.Sequence != 0 && entry.TimeNanos >= forgetBeforeNanos).ToArray();
        Array.Sort(kept, static (left, right) => left.Key.CompareTo(right.Key));
        byte[] bytes = new byte[kept.Length * EntryBytes];
        Span<byte> rest = bytes;
        foreach (Entry entry in kept)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(rest, entry.Key.High);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[8..], entry.Key.Low);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[16..], entry.Fingerprint);
            BinaryPrimitives.WriteInt64LittleEndian(rest[24..], entry.Sequence);
            BinaryPrimitives.WriteInt64LittleEndian(rest[32..], entry.TimeNanos);
            rest = rest[EntryBytes..];
        }

        return new RequestLogState { Entries = UnsafeByteOperations.UnsafeWrap(bytes) };
    }

    public void Restore(RequestLogState? state)
    {
        if (state is null) return;
        ReadOnlySpan<byte> rest = state.Entries.Span;
        Invariant.Holds(rest.Length % EntryBytes == 0);
        for (; !rest.IsEmpty; rest = rest[EntryBytes..])
        {
            Add(
                new RequestKey(
                    BinaryPrimitives.ReadUInt64LittleEndian(rest), BinaryPrimitives.ReadUInt64LittleEndian(rest[8..])),
                BinaryPrimitives.ReadUInt64LittleEndian(rest[16..]),
                BinaryPrimitives.ReadInt64LittleEndian(rest[24..]),
                BinaryPrimitives.ReadInt64LittleEndian(rest[32..]),
                forgetBeforeNanos: long.MinValue);
        }
    }

    // Drops what is forgotten and leaves the rest at most half of the places, so the next sweep is many entries away.
    private void Sweep(long forgetBeforeNanos, long nowNanos)
    {
        int kept = 0;
        foreach (ref Entry entry in _entries.AsSpan())
        {
            if (entry.Sequence != 0 && entry.TimeNanos >= forgetBeforeNanos) kept++;
        }

        int capacity = (int)BitOperations.RoundUpToPowerOf2((uint)(kept + 1) * 2);
        var swept = new Entry[Math.Max(FirstCapacity, capacity)];
        foreach (ref Entry entry in _entries.AsSpan())
        {
            if (entry.Sequence != 0 && entry.TimeNanos >= forgetBeforeNanos) swept[Place(swept, entry.Key)] = entry;
        }

        _entries = swept;
        _count = kept;
        _sweepNanos = nowNanos;
    }

    // The entry's place, or the free place where it would go. Capacities are powers of two and never full.
    private static int Place(Entry[] entries, in RequestKey key)
    {
        int mask = entries.Length - 1;
        int place = (int)key.Low & mask;
        while (entries[place].Sequence != 0 && entries[place].Key != key) place = (place + 1) & mask;
        return place;
    }
}
