using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AgentBudget.Audit;

/// <summary>
/// Request ids that had an effect, as the first 128 bits of SHA-256(operation ‖ principal ‖ 0 ‖ id): two that collide
/// are not to be found. A session's are kept as long as the session, the tenant's for the retention.
/// </summary>
internal sealed class AuditRequests
{
    private const int IdBytesMax = 512; // Longer ones are hashed from the heap.

    private readonly HashSet<UInt128> _seen = [];
    private readonly Queue<(UInt128 Key, Int128 AtNanos)> _byTime = [];

    /// <summary>Remembers an id for ever; false if it was there.</summary>
    public bool TryAdd(AuditOperation operation, string principal, string requestId) =>
        _seen.Add(KeyOf(operation, principal, requestId));

    /// <summary>Remembers an id for the retention; false if it was there.</summary>
    public bool TryAdd(
        AuditOperation operation, string principal, string requestId, Int128 atNanos, Int128 retentionNanos)
    {
        while (_byTime.TryPeek(out (UInt128 Key, Int128 AtNanos) oldest) && oldest.AtNanos + retentionNanos <= atNanos)
            _seen.Remove(_byTime.Dequeue().Key);
        UInt128 key = KeyOf(operation, principal, requestId);
        if (!_seen.Add(key)) return false;
        _byTime.Enqueue((key, atNanos));
        return true;
    }

    private static UInt128 KeyOf(AuditOperation operation, string principal, string requestId)
    {
        int principalBytes = Encoding.UTF8.GetByteCount(principal);
        int length = 1 + principalBytes + 1 + Encoding.UTF8.GetByteCount(requestId);
        Span<byte> bytes = length <= IdBytesMax ? stackalloc byte[length] : new byte[length];
        bytes[0] = (byte)operation;
        Encoding.UTF8.GetBytes(principal, bytes[1..]);
        bytes[1 + principalBytes] = 0; // No name has it.
        Encoding.UTF8.GetBytes(requestId, bytes[(2 + principalBytes)..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}

/// <summary>What a request id is unique within, beside its session.</summary>
internal enum AuditOperation
{
    /// <summary>The ledger's own act.</summary>
    None,

    /// <summary>ApplyCatalog.</summary>
    ApplyCatalog,

    /// <summary>ExtendBudget.</summary>
    ExtendBudget,

    /// <summary>ResetBudget.</summary>
    ResetBudget,

    /// <summary>AdjustSpend.</summary>
    AdjustSpend,

    /// <summary>RerateSpend.</summary>
    RerateSpend,

    /// <summary>OpenSession.</summary>
    OpenSession,

    /// <summary>RenewSession.</summary>
    RenewSession,

    /// <summary>EndSession.</summary>
    EndSession,

    /// <summary>RevokeSession.</summary>
    RevokeSession,

    /// <summary>ReserveTokens.</summary>
    Reserve,

    /// <summary>CommitTokens.</summary>
    Commit,

    /// <summary>ReleaseTokens.</summary>
    Release,

    /// <summary>AmendReservation.</summary>
    Amend,

    /// <summary>RecordCost.</summary>
    RecordCost,
    /// <summary>AuthorizeTool.</summary>
    AuthorizeTool,

    /// <summary>CreateCredential.</summary>
    CreateCredential,

    /// <summary>RevokeCredential.</summary>
    RevokeCredential,

    /// <summary>SuspendAgent.</summary>
    SuspendAgent,

    /// <summary>ResumeAgent.</summary>
    ResumeAgent,

    /// <summary>DecommissionAgent.</summary>
    DecommissionAgent,

    /// <summary>SuspendSession.</summary>
    SuspendSession,

    /// <summary>ResumeSession.</summary>
    ResumeSession,

    /// <summary>ResetBreaker.</summary>
    ResetBreaker,

    /// <summary>Revocation of an access token.</summary>
    RevokeAccessToken,

    /// <summary>RotateSigningKey.</summary>
    RotateSigningKey,

    /// <summary>Whatever administers where notices go.</summary>
    ChangeNotifications,

    /// <summary>DecideDispute.</summary>
    DecideDispute,

    /// <summary>RequestExtension.</summary>
    RequestExtension,

    /// <summary>DecideExtension.</summary>
    DecideExtension,

    /// <summary>A silo's word on which credentials are in use.</summary>
    RecordUses,

    /// <summary>RevokeSessions.</summary>
    RevokeSessions,

    /// <summary>PatchCatalog.</summary>
    PatchCatalog,
}
