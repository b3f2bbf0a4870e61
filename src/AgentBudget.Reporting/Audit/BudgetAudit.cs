using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Audit;

/// <summary>Extensions and periods of a grain.</summary>
internal static class BudgetAudit
{
    // A day that a clock change makes longer or shorter, in a zone that moves across the date line at worst.
    private static readonly Int128 DaySlack = 25 * AuditNumbers.Hour;

    public static void Extend(AuditState state, BudgetExtended extended)
    {
        AuditGrain grain = state.WindowOf(extended.Grain, extended.Window);
        if (!grain.IsInCatalog || !grain.HasLimit)
            state.Find(AuditRule.Extension, $"{extended.Grain} has no budget in the catalog that could be extended");
        Int128? end = AuditNumbers.OptionalNanosOf(extended.ExpireTime);
        if (end <= state.Now) state.Find(AuditRule.Extension, "it is over before it begins");
        CheckBalance(state, grain, extended.Before, "before");
        grain.Extend(new AuditAmount(extended.ExtensionNanos, extended.ExtensionTokens), end);
        CheckBalance(state, grain, extended.After, "after");
    }

    public static void EndExtension(AuditState state, ExtensionExpired expired)
    {
        AuditGrain grain = state.WindowOf(expired.Grain, expired.Window);
        if (grain.ExtensionEnd is null || grain.ExtensionEnd > state.Now)
        {
            state.Find(
                AuditRule.Extension,
                $"the extension of {expired.Grain} ends at {AuditNumbers.Show(grain.ExtensionEnd)} and not yet");
        }

        grain.EndExtension();
    }

    public static void EndPeriod(AuditState state, PeriodEnded ended)
    {
        AuditGrain grain = state.WindowOf(ended.Grain, ended.Window);
        Int128? end = AuditNumbers.OptionalNanosOf(ended.EndTime);
        Int128? next = AuditNumbers.OptionalNanosOf(ended.NextEndTime);
        if (grain.PeriodEnd is null || end != grain.PeriodEnd || end > state.Now)
        {
            state.Find(
                AuditRule.PeriodEnd,
                $"the period of {ended.Grain} ends at {AuditNumbers.Show(grain.PeriodEnd)} and not at "
                + AuditNumbers.Show(end));
        }
        else if (next is null || next <= state.Now || !IsOneLong(grain.Period, next.Value - end!.Value, isWhole: true))
        {
            state.Find(
                AuditRule.PeriodEnd,
                $"the next period of {ended.Grain} cannot end at {AuditNumbers.Show(next)}: it is a {grain.Period}");
        }

        var settled = new AuditAmount(ended.SettledNanos, ended.SettledTokens);
        if (settled != grain.Settled)
            state.Find(AuditRule.PeriodSettled, $"{ended.Grain} settled {grain.Settled} in it, and it says {settled}");
        var carried = new AuditAmount(ended.CarriedNanos, ended.CarriedTokens);
        if (state.IsEventClean && carried != grain.Carry())
            state.Find(AuditRule.Rollover, $"{ended.Grain} leaves {grain.Carry()}, and it carries over {carried}");
        grain.EndPeriod(next, carried);
    }

    /// <summary>The oldest step of a rolling window leaves it.</summary>
    public static void MoveWindow(AuditState state, WindowMoved moved)
    {
        AuditGrain grain = state.WindowOf(moved.Grain, moved.Window);
        if (grain.Rolling is null || grain.PeriodEnd is null || grain.PeriodEnd > state.Now)
        {
            state.Find(
                AuditRule.PeriodEnd,
                $"the window of {moved.Grain} moves at {AuditNumbers.Show(grain.PeriodEnd)} and not yet");
        }

        (AuditAmount Settled, AuditAmount Overrun) left = grain.Move();
        (AuditAmount Settled, AuditAmount Overrun) said = (
            new AuditAmount(moved.SettledNanos, moved.SettledTokens),
            new AuditAmount(moved.OverrunNanos, moved.OverrunTokens));
        if (said != left)
            state.Find(AuditRule.PeriodSettled, $"{left.Settled} leave {moved.Grain}, and it says {said.Settled}");
    }

    /// <summary>The end that a catalog gives to a grain's period, before it is taken over.</summary>
    public static void CheckPeriodEnd(
        AuditState state, AuditGrain any, Budget? budget, Dictionary<(string, string), Int128> ends, bool keepsZone)
    {
        string window = AuditGrain.WindowOf(budget);
        AuditGrain grain = any.Windows.FirstOrDefault(own => own.Window == window) ?? new AuditGrain(any.Name);
        bool hasEnd = ends.TryGetValue((grain.Name, window), out Int128 end);
        bool hasPeriod = budget?.Period is not (null or Period.Unspecified or Period.None or Period.Rolling);
        if (!hasPeriod)
        {
            if (hasEnd) state.Find(AuditRule.PeriodEnd, $"{grain.Name} has no period, and it names an end of it");
            return;
        }

        bool stays = keepsZone && grain.PeriodEnd is not null && grain.Period == budget!.Period;
        bool isRight = stays
            ? hasEnd && end == grain.PeriodEnd
            : hasEnd && end > state.Now && IsOneLong(budget!.Period, end - state.Now, isWhole: false);
        if (isRight) return;
        state.Find(
            AuditRule.PeriodEnd,
            $"the {budget!.Period} of {grain.Name} cannot end at {(hasEnd ? AuditNumbers.Show(end) : "no time")}"
            + (stays ? $": it ends at {AuditNumbers.Show(grain.PeriodEnd)}" : ""));
    }

    // Whether a length can be one period, or its remainder. Time zones are not consulted: their rules change over the
    // years.
    private static bool IsOneLong(Period period, Int128 length, bool isWhole)
    {
        (int fewest, int most) = period switch
        {
            Period.Unspecified or Period.None or Period.Rolling => (0, 0),
            Period.Day => (1, 1),
            Period.Week => (7, 7),
            Period.Month => (28, 31),
            Period.Quarter => (90, 92),
            Period.Year => (365, 366),
        };
        Int128 day = 24 * AuditNumbers.Hour;
        return length <= (most * day) + DaySlack && (!isWhole || length >= (fewest * day) - DaySlack);
    }

    // The record of an administrative act states the whole grain around it.
    private static void CheckBalance(AuditState state, AuditGrain grain, GrainBalance? balance, string when)
    {
        if (!state.IsEventClean) return;
        balance ??= new GrainBalance();
        (string Name, Int128? Is, Int128? Says)[] numbers =
        [
            ("limit", grain.Limit.Nanos, AuditNumbers.OptionalNanosOf(balance.Limit)),
            ("settled", grain.Settled.Nanos, AuditNumbers.OptionalNanosOf(balance.Settled)),
            ("held", grain.Held.Nanos, AuditNumbers.OptionalNanosOf(balance.Held)),
            ("overrun", grain.Overrun.Nanos, AuditNumbers.OptionalNanosOf(balance.Overrun)),
            ("available", grain.Available.Nanos, AuditNumbers.OptionalNanosOf(balance.Available)),
            ("hard cap", grain.HardCap.Nanos, AuditNumbers.OptionalNanosOf(balance.HardCap)),
            ("limit in tokens", grain.Limit.Tokens, balance.HasLimitTokens ? balance.LimitTokens : null),
            ("settled tokens", grain.Settled.Tokens, balance.SettledTokens),
            ("held tokens", grain.Held.Tokens, balance.HeldTokens),
            ("available tokens", grain.Available.Tokens, balance.HasAvailableTokens ? balance.AvailableTokens : null),
            ("tier", grain.HighestReached(grain.Exposure), balance.Tier),
            ("carried", grain.Carried.Nanos, AuditNumbers.OptionalNanosOf(balance.Carried) ?? 0),
            ("carried tokens", grain.Carried.Tokens, balance.CarriedTokens),
            ("reset time", grain.PeriodEnd, AuditNumbers.OptionalNanosOf(balance.ResetTime)),
        ];
        foreach ((string name, Int128? value, Int128? said) in numbers)
        {
            if (value == said) continue;
            state.Find(AuditRule.Extension, $"{name} of {grain.Name} {when} it is {value}, and it says {said}");
            return;
        }
    }
}
