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
    public static NaiveSums Empty { get; } = new(0, 0, 0, 0, 0, 0);

    public static NaiveSums Of(IEnumerable<LedgerEvent> entries)
    {
        Running sums = new();
        foreach (var entry in entries) sums.Add(entry);
        return sums.Now;
    }

    /// <summary>Whether somebody was told this balance.</summary>
    public bool Is(GrainBalance balance) =>
        Accounts.Nanos(balance.Settled) == SettledNanos
        && Accounts.Nanos(balance.Held) == HeldNanos
        && Accounts.Nanos(balance.Overrun) == OverrunNanos
        && balance.SettledTokens == SettledTokens
        && balance.HeldTokens == HeldTokens;

    /// <summary>The sums entry by entry.</summary>
    internal sealed class Running
    {
        private readonly Dictionary<long, ReservationHeld> _held = [];

        public NaiveSums Now { get; private set; } = Empty;

        /// <summary>Adds the next entry; answers whether the sums changed. This load's other facts move no money.
        /// </summary>
        public bool Add(LedgerEvent entry)
        {
            NaiveSums before = Now;
            switch (entry.FactCase)
            {
                case LedgerEvent.FactOneofCase.ReservationHeld:
                    _held.Add(entry.Sequence, entry.ReservationHeld);
                    Now = Held(entry.ReservationHeld, 1) with { Calls = Now.Calls + 1 };
                    break;
                case LedgerEvent.FactOneofCase.ReservationSettled:
                    End(entry.ReservationSettled.Reservation);
                    Now = Now with
                    {
                        SettledNanos = Now.SettledNanos + entry.ReservationSettled.CostNanos,
                        SettledTokens = Now.SettledTokens + entry.ReservationSettled.Tokens,
                        OverrunNanos = Now.OverrunNanos + entry.ReservationSettled.OverrunNanos,
                    };
                    break;
                case LedgerEvent.FactOneofCase.ReservationReleased:
                    End(entry.ReservationReleased.Reservation);
                    break;
            }

            return Now != before;
        }

        private void End(long reservation)
        {
            if (_held.Remove(reservation, out ReservationHeld? hold)) Now = Held(hold, -1);
        }

        private NaiveSums Held(ReservationHeld hold, int times) => Now with
        {
            HeldNanos = Now.HeldNanos + (times * (BigInteger)hold.CostNanos),
            HeldTokens = Now.HeldTokens + (times * (BigInteger)hold.Tokens),
        };
    }
}
