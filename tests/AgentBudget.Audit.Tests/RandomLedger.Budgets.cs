using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Budgets, and what finance corrects by hand.
internal sealed partial class RandomLedger
{
    private void Correct()
    {
        if (_random.Next(4) == 0)
        {
            Send(new ResetBudgetCommand(
                new ResetBudgetRequest { RequestId = NextId(), Grain = Any(Extended), Reason = "again" }, "admin"));
            return;
        }

        Send(new AdjustSpendCommand(
            new AdjustSpendRequest
            {
                RequestId = NextId(),
                Grain = Any(Extended),
                Amount = Dollars(_random.Next(-30, 30) / 1000m),
                Reason = "typo",
            },
            Reservation: null,
            "admin"));
    }

    private static Budget BudgetOf(Random random, int cents, RepeatedField<Budget>? further = null)
    {
        Period[] periods = [.. Periods];
        random.Shuffle(periods);
        further?.Add(periods.Skip(1).Take(random.Next(0, 3)).Select(period => WindowOf(random, cents, period)));
        return WindowOf(random, cents, periods[0]);
    }

    private static Budget WindowOf(Random random, int cents, Period period)
    {
        var budget = new Budget { Limit = Dollars(random.Next(1, cents) / 100m), Period = period };
        if (random.Next(3) == 0) budget.Tokens = random.Next(10_000, 400_000);
        if (period == Period.Rolling) budget.Rolling = new Duration { Seconds = random.Next(60, 200_000) };
        else if (period != Period.None && random.Next(3) == 0) budget.Rollover = new Rollover();
        if (random.Next(3) == 0)
            budget.AutoApprove = new AutoApproval { Limit = Dollars(random.Next(1, cents) / 100m) };
        bool ends = period is not (Period.None or Period.Rolling);
        budget.CarryOverspend = ends && random.Next(3) == 0;
        if (random.Next(3) == 0)
        {
            budget.Anchor = period switch
            {
                Period.Day => new PeriodAnchor { Minute = random.Next(1, 1440) },
                Period.Week => new PeriodAnchor { Weekday = random.Next(1, 8) },
                Period.Month => new PeriodAnchor { Day = random.Next(1, 32) },
                Period.Year => new PeriodAnchor { Month = random.Next(1, 13), Day = random.Next(1, 29) },
                _ => null,
            };
        }

        if (budget.Rollover is { } rollover && random.Next(2) == 0)
            rollover.Cap = Dollars(random.Next(0, cents) / 100m);
        return budget;
    }
}
