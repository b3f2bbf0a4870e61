using System.Buffers.Binary;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Requests;

/// <summary>
/// SHA-256 of what a request asks. In journals of former releases only its first 64 bits are there, a fingerprint.
/// </summary>
internal readonly record struct ContentSha(ulong First, ulong Second, ulong Third, ulong Fourth)
{
    /// <summary>Whether it is a fingerprint of a former release. That of SHA-256 never is.</summary>
    public bool IsFingerprint => (Second | Third | Fourth) == 0;

    public static ContentSha Of(ReadOnlySpan<byte> sha256) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(sha256),
        BinaryPrimitives.ReadUInt64LittleEndian(sha256[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(sha256[16..]),
        BinaryPrimitives.ReadUInt64LittleEndian(sha256[24..]));

    public static ContentSha Of(LedgerEvent ledgerEvent) => ledgerEvent.RequestHash is { } hash
        ? new ContentSha(hash.First, hash.Second, hash.Third, hash.Fourth)
        : new ContentSha(ledgerEvent.RequestFingerprint, 0, 0, 0);
}

/// <summary>A request as it is compared with those that were answered, and remembered.</summary>
/// <param name="Operation">What it asks for.</param>
/// <param name="Principal">Whose it is; empty for the silo itself, and where a former release did not say.</param>
/// <param name="Id">Its id, which is its principal's own.</param>
/// <param name="Content">What it asks, hashed.</param>
/// <param name="Former">The same as former releases hashed it.</param>
internal readonly record struct AskedRequest(
    Operation Operation, string Principal, string Id, ContentSha Content, FormerContent Former)
{
    /// <summary>Whether a request that was answered had this content.</summary>
    public bool Is(in ContentSha answered) => answered == Content || Former.Is(answered);

    /// <summary>A new event that this request asks for, of a session or of the tenant.</summary>
    public LedgerEvent NewEvent(Spender? spender = null) => new()
    {
        RequestId = Id,
        Principal = Principal,
        RequestHash = new RequestHash
        {
            First = Content.First,
            Second = Content.Second,
            Third = Content.Third,
            Fourth = Content.Fourth,
        },
        Spender = spender,
    };

    /// <summary>The same of an administrative act, whose event names its actor and so its principal.</summary>
    public LedgerEvent NewEvent(string actor, Spender? spender = null)
    {
        LedgerEvent ledgerEvent = NewEvent(spender);
        ledgerEvent.Actor = actor;
        ledgerEvent.Principal = "";
        return ledgerEvent;
    }
}

/// <summary>What former releases hashed of a request: asked for only where an answered one has another hash.</summary>
internal readonly struct FormerContent
{
    private readonly ulong _fingerprint;
    private readonly ContentBytes _bytes;
    private readonly int _request;

    public FormerContent(ulong fingerprint, ContentBytes bytes) =>
        (_fingerprint, _bytes, _request) = (fingerprint, bytes, bytes.Requests);

    /// <summary>Whether it is what was answered. Asked before the thread hashes another request.</summary>
    public bool Is(in ContentSha answered)
    {
        if (answered.IsFingerprint) return answered.First == _fingerprint;
        Invariant.Holds(_request == _bytes.Requests);
        return answered == _bytes.FormerHash();
    }
}
