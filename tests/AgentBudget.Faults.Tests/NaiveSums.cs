using System.Numerics;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Faults.Tests;

/// <summary>Balances the slow and obvious way: every hold remembered, every charge added, without bounds.</summary>
internal sealed record NaiveSums(
    BigInteger SettledNanos,
    BigInteger SettledTokens,
    BigInteger OverrunNanos,
    BigInteger HeldNanos,
    BigInteger HeldTokens,
    long Calls)
{
    public static NaiveSums Of(IEnumerable<LedgerEvent> entries)
    {
        var held = new Dictionary<long, ReservationHeld>();
        BigInteger settledNanos = 0, settledTokens = 0, overrunNanos = 0;
        long calls = 0;
        foreach (var entry in entries)
        {
            switch (entry.FactCase)
            {
                case LedgerEvent.FactOneofCase.ReservationHeld:
                    held.Add(entry.Sequence, entry.ReservationHeld);
                    calls++;
                    break;
                case LedgerEvent.FactOneofCase.ReservationSettled:
                    settledNanos += entry.ReservationSettled.CostNanos;
                    settledTokens += entry.ReservationSettled.Tokens;
                    overrunNanos += entry.ReservationSettled.OverrunNanos;
                    held.Remove(entry.ReservationSettled.Reservation);
                    break;
                case LedgerEvent.FactOneofCase.ReservationReleased:
                    held.Remove(entry.ReservationReleased.Reservation);
                    break;
                default:
                    break; // This load's other facts move no money.
            }
        }
        return new NaiveSums(
            settledNanos,
            settledTokens,
            overrunNanos,
            held.Values.Aggregate(BigInteger.Zero, (sum, hold) => sum + hold.CostNanos),
            held.Values.Aggregate(BigInteger.Zero, (sum, hold) => sum + hold.Tokens),
            calls);
    }
}
