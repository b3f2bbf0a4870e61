using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Extensions and periods of an account.</summary>
internal static class BudgetAudit
{
    // A day that a clock change makes longer or shorter, in a zone that moves across the date line at worst.
    private static readonly Int128 DaySlack = 25 * AuditNumbers.Hour;

    public static void Extend(AuditState state, BudgetExtended extended)
    {
        AuditAccount account = state.WindowOf(extended.Grain, extended.Window);
        if (!account.IsInCatalog || !account.HasLimit)
            state.Find(AuditRule.Extension, $"{extended.Grain} has no budget in the catalog that could be extended");
        Int128? end = AuditNumbers.OptionalNanosOf(extended.ExpireTime);
        if (end <= state.Now) state.Find(AuditRule.Extension, "it is over before it begins");
        CheckBalance(state, account, extended.Before, "before");
        account.Extend(new AuditAmount(extended.ExtensionNanos, extended.ExtensionTokens), end);
        CheckBalance(state, account, extended.After, "after");
    }

    public static void EndExtension(AuditState state, ExtensionExpired expired)
    {
        AuditAccount account = state.WindowOf(expired.Grain, expired.Window);
        if (account.ExtensionEnd is null || account.ExtensionEnd > state.Now)
        {
            state.Find(
                AuditRule.Extension,
                $"the extension of {expired.Grain} ends at {AuditNumbers.Show(account.ExtensionEnd)} and not yet");
        }

        account.EndExtension();
    }

    public static void EndPeriod(AuditState state, PeriodEnded ended)
    {
        AuditAccount account = state.WindowOf(ended.Grain, ended.Window);
        Int128? end = AuditNumbers.OptionalNanosOf(ended.EndTime);
        Int128? next = AuditNumbers.OptionalNanosOf(ended.NextEndTime);
        if (account.PeriodEnd is null || end != account.PeriodEnd || end > state.Now)
        {
            state.Find(
                AuditRule.PeriodEnd,
                $"the period of {ended.Grain} ends at {AuditNumbers.Show(account.PeriodEnd)} and not at "
                + AuditNumbers.Show(end));
        }
        else if (next is null || next <= state.Now
            || !IsOneLong(account.Period, next.Value - end!.Value, isWhole: true))
        {
            state.Find(
                AuditRule.PeriodEnd,
                $"the next period of {ended.Grain} cannot end at {AuditNumbers.Show(next)}: it is a {account.Period}");
        }

        var settled = new AuditAmount(
            AuditNumbers.Sum(ended.SettledNanos, ended.SettledNanosHigh),
            AuditNumbers.Sum(ended.SettledTokens, ended.SettledTokensHigh));
        if (settled != account.Settled)
            state.Find(
                AuditRule.PeriodSettled, $"{ended.Grain} settled {account.Settled} in it, and it says {settled}");
        var carried = new AuditAmount(ended.CarriedNanos, ended.CarriedTokens);
        if (state.IsEventClean && carried != account.Carry())
            state.Find(AuditRule.Rollover, $"{ended.Grain} leaves {account.Carry()}, and it carries over {carried}");
        account.EndPeriod(next, carried, state.Now);
    }

    /// <summary>The oldest step of a rolling window leaves it.</summary>
    public static void MoveWindow(AuditState state, WindowMoved moved)
    {
        AuditAccount account = state.WindowOf(moved.Grain, moved.Window);
        if (account.Rolling is null || account.PeriodEnd is null || account.PeriodEnd > state.Now)
        {
            state.Find(
                AuditRule.PeriodEnd,
                $"the window of {moved.Grain} moves at {AuditNumbers.Show(account.PeriodEnd)} and not yet");
        }

        (AuditAmount Settled, AuditAmount Overrun) left = account.Move();
        (AuditAmount Settled, AuditAmount Overrun) said = (
            new AuditAmount(
                AuditNumbers.Sum(moved.SettledNanos, moved.SettledNanosHigh),
                AuditNumbers.Sum(moved.SettledTokens, moved.SettledTokensHigh)),
            new AuditAmount(
                AuditNumbers.Sum(moved.OverrunNanos, moved.OverrunNanosHigh),
                AuditNumbers.Sum(moved.OverrunTokens, moved.OverrunTokensHigh)));
        if (said != left)
            state.Find(AuditRule.PeriodSettled, $"{left.Settled} leave {moved.Grain}, and it says {said.Settled}");
    }

    /// <summary>The period that a catalog gives to a window, before it is taken over.</summary>
    public static void CheckPeriod(
        AuditState state,
        AuditAccount account,
        Budget budget,
        Dictionary<(string, string), AuditPeriod> periods,
        bool keepsZone)
    {
        string window = AuditAccount.WindowOf(budget);
        AuditAccount? before = account.Windows.FirstOrDefault(own => own.Window == window);
        AuditPeriod says = periods.GetValueOrDefault((account.Name, window));
        CheckStart(state, account, before, budget, says);
        bool hasPeriod = budget.Period is not (Period.Unspecified or Period.None or Period.Rolling);
        if (!hasPeriod)
        {
            if (says.End is not null)
                state.Find(AuditRule.PeriodEnd, $"{account.Name} has no period, and it names an end of it");
            return;
        }

        bool stays = keepsZone && before?.PeriodEnd is not null;
        bool isRight = stays
            ? says.End == before!.PeriodEnd
            : says.End > state.Now && IsOneLong(budget.Period, says.End.Value - state.Now, isWhole: false);
        if (isRight) return;
        state.Find(
            AuditRule.PeriodEnd,
            $"the {budget.Period} of {account.Name} cannot end at {AuditNumbers.Show(says.End)}"
            + (stays ? $": it ends at {AuditNumbers.Show(before!.PeriodEnd)}" : ""));
    }

    // A window that is new counts since its period began; one that stays keeps what it counted.
    private static void CheckStart(
        AuditState state, AuditAccount account, AuditAccount? before, Budget budget, AuditPeriod says)
    {
        if (says.Start is not { } start)
        {
            // Facts of former releases do not say it: then a window that is new took over what another counted.
            if (before is not null || account.History.IsEmpty || !state.StatesPeriodStarts) return;
            state.Find(
                AuditRule.PeriodStart, $"{account.Name} has a new window, and it does not say since when it counts");
            return;
        }

        state.StatesPeriodStarts = true;
        bool isRight = before is null && budget.Period switch
        {
            Period.Unspecified or Period.None => start == 0,
            Period.Rolling => start == Int128.Max(1, state.Now - AuditNumbers.NanosOf(budget.Rolling)),
            Period.Hour or Period.Day or Period.Week or Period.Month or Period.Quarter or Period.Year =>
                start <= state.Now && says.End is not null
                && IsOneLong(budget.Period, says.End.Value - start, isWhole: true),
        };
        if (!isRight)
        {
            state.Find(
                AuditRule.PeriodStart,
                $"the {budget.Period} of {account.Name} cannot count since {AuditNumbers.Show(start)}");
        }
    }

    // Whether a length can be one period, or its remainder. Time zones are not consulted: their rules change over the
    // years.
    private static bool IsOneLong(Period period, Int128 length, bool isWhole)
    {
        (int fewest, int most) = period switch
        {
            Period.Unspecified or Period.None or Period.Rolling => (0, 0),
            Period.Hour => (0, 0),
            Period.Day => (1, 1),
            Period.Week => (7, 7),
            Period.Month => (28, 31),
            Period.Quarter => (90, 92),
            Period.Year => (365, 366),
        };
        if (period == Period.Hour) return length > 0 && length <= AuditNumbers.Hour;
        Int128 day = 24 * AuditNumbers.Hour;
        return length <= (most * day) + DaySlack && (!isWhole || length >= (fewest * day) - DaySlack);
    }

    // The record of an administrative act states the whole account around it.
    public static void CheckBalance(AuditState state, AuditAccount account, GrainBalance? balance, string when)
    {
        if (!state.IsEventClean) return;
        balance ??= new GrainBalance();
        (string Name, Int128? Is, Int128? Says)[] numbers =
        [
            ("limit", account.Limit.Nanos, AuditNumbers.OptionalNanosOf(balance.Limit)),
            ("settled", account.Settled.Nanos, AuditNumbers.OptionalNanosOf(balance.Settled)),
            ("held", account.Held.Nanos, AuditNumbers.OptionalNanosOf(balance.Held)),
            ("overrun", account.Overrun.Nanos, AuditNumbers.OptionalNanosOf(balance.Overrun)),
            ("available", account.Available.Nanos, AuditNumbers.OptionalNanosOf(balance.Available)),
            ("hard cap", account.HardCap.Nanos, AuditNumbers.OptionalNanosOf(balance.HardCap)),
            ("limit in tokens", account.Limit.Tokens, balance.HasLimitTokens ? balance.LimitTokens : null),
            ("settled tokens", AuditNumbers.Shown(account.Settled.Tokens), balance.SettledTokens),
            ("held tokens", AuditNumbers.Shown(account.Held.Tokens), balance.HeldTokens),
            ("available tokens", account.Available.Tokens, balance.HasAvailableTokens ? balance.AvailableTokens : null),
            ("tier", account.HighestReached(account.Exposure), balance.Tier),
            ("disputed", account.Disputed.Nanos, AuditNumbers.OptionalNanosOf(balance.Disputed) ?? 0),
            ("disputed tokens", AuditNumbers.Shown(account.Disputed.Tokens), balance.DisputedTokens),
            ("carried", account.Carried.Nanos, AuditNumbers.OptionalNanosOf(balance.Carried) ?? 0),
            ("carried tokens", account.Carried.Tokens, balance.CarriedTokens),
            ("reset time", account.PeriodEnd, AuditNumbers.OptionalNanosOf(balance.ResetTime)),
        ];
        foreach ((string name, Int128? value, Int128? said) in numbers)
        {
            if (value == said) continue;
            state.Find(AuditRule.Extension, $"{name} of {account.Name} {when} it is {value}, and it says {said}");
            return;
        }
    }
}
