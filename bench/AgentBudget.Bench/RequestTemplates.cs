using System.Buffers.Binary;
using System.Buffers.Text;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Bench;

/// <summary>
/// Messages of one session as bytes, all but the request id and the reservation, which are written before them: fields
/// of a message may come in any order.
/// </summary>
internal sealed class RequestTemplates(string sessionToken)
{
    /// <summary>Model that the bench's catalog prices.</summary>
    public const string Model = "bench-model";

    /// <summary>Bytes of a reservation's id.</summary>
    public const int ReservationBytes = 16;

    private const byte RequestIdTag = (1 << 3) | 2;
    private const byte ReservationIdTag = (2 << 3) | 2;
    private const int RequestIdLength = 16;

    // 1,000 tokens each way. A hold outlives the bench, so that no expiry runs inside another round.
    private readonly byte[] _reserve = new ReserveTokensRequest
    {
        SessionToken = sessionToken,
        Model = Model,
        Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
        Ttl = new Google.Protobuf.WellKnownTypes.Duration { Seconds = 3600 },
    }.ToByteArray();

    private readonly byte[] _commit = new CommitTokensRequest
    {
        SessionToken = sessionToken,
        Usage = new TokenUsage { InputTokens = 1000, OutputTokens = 500 },
    }.ToByteArray();

    private readonly byte[] _release = new ReleaseTokensRequest { SessionToken = sessionToken }.ToByteArray();

    public int WriteReserve(Span<byte> destination, ulong requestId)
    {
        int at = WriteRequestId(destination, requestId);
        _reserve.CopyTo(destination[at..]);
        return at + _reserve.Length;
    }

    public int WriteCommit(Span<byte> destination, ulong requestId, UInt128 reservation) =>
        WriteWithReservation(destination, requestId, reservation, _commit);

    public int WriteRelease(Span<byte> destination, ulong requestId, UInt128 reservation) =>
        WriteWithReservation(destination, requestId, reservation, _release);

    private static int WriteWithReservation(Span<byte> destination, ulong requestId, UInt128 reservation, byte[] rest)
    {
        int at = WriteRequestId(destination, requestId);
        destination[at] = ReservationIdTag;
        destination[at + 2] = (byte)'r';
        Span<byte> id = stackalloc byte[ReservationBytes];
        BinaryPrimitives.WriteUInt128BigEndian(id, reservation);
        int letters = Base64Url.EncodeToUtf8(id, destination[(at + 3)..]);
        destination[at + 1] = (byte)(letters + 1);
        at += 3 + letters;
        rest.CopyTo(destination[at..]);
        return at + rest.Length;
    }

    private static int WriteRequestId(Span<byte> destination, ulong requestId)
    {
        destination[0] = RequestIdTag;
        destination[1] = RequestIdLength;
        Utf8Formatter.TryFormat(
            requestId, destination[2..], out _, new System.Buffers.StandardFormat('x', RequestIdLength));
        return 2 + RequestIdLength;
    }
}
