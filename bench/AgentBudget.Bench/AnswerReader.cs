using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Bench;

/// <summary>
/// Reads from answers what a load generator must know, straight from the bytes. Reads ids of the form that this service
/// names reservations by: "r" and 128 bits in base64url.
/// </summary>
internal static class AnswerReader
{
    private const int VarintType = 0, Fixed64Type = 1, LengthType = 2, Fixed32Type = 5;

    /// <summary>Decision and reservation of a ReserveTokensResponse; UNSPECIFIED if it cannot be read.</summary>
    public static Decision ReadReserve(ReadOnlySpan<byte> message, out UInt128 reservation)
    {
        var decision = Decision.Unspecified;
        reservation = default;
        while (TryReadField(ref message, out int field, out ulong number, out var bytes))
        {
            if (field == ReserveTokensResponse.DecisionFieldNumber) decision = (Decision)number;
            if (field == ReserveTokensResponse.ReservationFieldNumber) reservation = ReadReservation(bytes);
        }
        bool isComplete = message.Length == 0 && (decision == Decision.Deny || reservation != default);
        return isComplete ? decision : Decision.Unspecified;
    }

    /// <summary>
    /// Whether the message is whole and has the field, as a CommitTokensResponse has what it settled.
    /// </summary>
    public static bool HasField(ReadOnlySpan<byte> message, int wanted)
    {
        bool isThere = false;
        while (TryReadField(ref message, out int field, out _, out _)) isThere |= field == wanted;
        return isThere && message.Length == 0;
    }

    private static UInt128 ReadReservation(ReadOnlySpan<byte> message)
    {
        Span<byte> id = stackalloc byte[RequestTemplates.ReservationBytes];
        while (TryReadField(ref message, out int field, out _, out var bytes))
        {
            if (field != Reservation.ReservationIdFieldNumber || bytes.Length < 2 || bytes[0] != (byte)'r') continue;
            bool isId = Base64Url.DecodeFromUtf8(bytes[1..], id, out _, out int written) == OperationStatus.Done
                && written == id.Length;
            return isId
                ? BinaryPrimitives.ReadUInt128BigEndian(id)
                : default;
        }
        return default;
    }

    private static bool TryReadField(
        ref ReadOnlySpan<byte> message, out int field, out ulong number, out ReadOnlySpan<byte> bytes)
    {
        field = 0;
        number = 0;
        bytes = default;
        var rest = message;
        if (!TryReadVarint(ref rest, out ulong tag)) return false;
        field = (int)(tag >> 3);
        switch ((int)(tag & 7))
        {
            case VarintType:
                if (!TryReadVarint(ref rest, out number)) return false;
                break;
            case LengthType:
                if (!TryReadVarint(ref rest, out ulong length) || length > (ulong)rest.Length) return false;
                bytes = rest[..(int)length];
                rest = rest[(int)length..];
                break;
            case Fixed64Type when rest.Length >= sizeof(ulong):
                rest = rest[sizeof(ulong)..];
                break;
            case Fixed32Type when rest.Length >= sizeof(uint):
                rest = rest[sizeof(uint)..];
                break;
            default:
                return false;
        }
        message = rest;
        return true;
    }

    private static bool TryReadVarint(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        value = 0;
        for (int i = 0; i < bytes.Length && i < 10; i++)
        {
            value |= (ulong)(bytes[i] & 0x7F) << (7 * i);
            if ((bytes[i] & 0x80) != 0) continue;
            bytes = bytes[(i + 1)..];
            return true;
        }
        return false;
    }
}
