using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

// Windows of an account: what a catalog makes of them, rolling ones, and what a period leaves to the next.
internal sealed partial class AuditAccount
{
    private const int StepsPerWindow = 24; // A rolling window moves in so many steps.

    /// <summary>The name of a catalog's window: its period.</summary>
    public static string WindowOf(Budget? budget)
    {
        string name = budget?.Period switch
        {
            null => "",
            Period.Unspecified => "none",
            Period.Rolling => $"rolling:{budget.Rolling?.Seconds ?? 0}s",
            { } period => period.ToString().ToLowerInvariant(),
        };
        return budget?.Anchor is not { } anchor ? name : name + ":" + budget.Period switch
        {
            Period.Day => $"{anchor.Minute / 60:00}:{anchor.Minute % 60:00}",
            Period.Week => $"{(DayOfWeek)(anchor.Weekday % 7)}".ToLowerInvariant(),
            Period.Month => $"{anchor.Day}",
            _ => $"{anchor.Month:00}-{anchor.Day:00}",
        };
    }

    /// <summary>
    /// Takes a catalog's windows: each keeps the usage of the one of its name, else it counts what was settled since
    /// its period began, with the extension of a window that is named no longer.
    /// </summary>
    public void ConfigureWindows(
        IReadOnlyList<Budget> budgets, AuditLadder ladder, Func<string, AuditPeriod> periodOf, Int128 now)
    {
        List<AuditWindowUsage> left = [.. Windows.Select(window => window.TakeUsage())];
        var usages = new AuditWindowUsage?[Math.Max(1, budgets.Count)];
        for (int place = 0; place < budgets.Count; place++)
        {
            usages[place] = left.Find(usage => usage.Window == WindowOf(budgets[place]));
            if (usages[place] is { } same) left.Remove(same);
        }

        for (int place = 0; place < usages.Length; place++)
        {
            if (usages[place] is not null || left.Count == 0) continue;
            usages[place] = left[0];
            left.RemoveAt(0);
        }

        AuditAmount held = Held;
        AuditAmount lifetime = Lifetime;
        AuditAmount disputed = Disputed;
        List<AuditAccount> further = [];
        for (int place = 0; place < usages.Length; place++)
        {
            AuditAccount window = place == 0 ? this : new AuditAccount(Name) { IsInCatalog = IsInCatalog };
            window.GiveUsage(usages[place] ?? new AuditWindowUsage { Past = lifetime, Start = now });
            window.Held = held;
            window.Disputed = disputed;
            Budget? budget = place < budgets.Count ? budgets[place] : null;
            AuditPeriod period = periodOf(WindowOf(budget));
            window.Configure(budget, ladder, period.End, now);
            if (period.Start is { } start)
                window.Recount(History.Since(start, now, without: window.StartedOver), start);
            if (place > 0) further.Add(window);
        }

        Further = further;
    }

    /// <summary>
    /// What this period leaves to the next: what of its limit is not settled, up to the cap; or what was settled above
    /// it, as a debt.
    /// </summary>
    public AuditAmount Carry() => new(
        Carry(_carryCap.Nanos, _ofCatalog.Nanos, Carried.Nanos, Extension.Nanos, Settled.Nanos),
        Carry(_carryCap.Tokens, _ofCatalog.Tokens, Carried.Tokens, Extension.Tokens, Settled.Tokens));

    private Int128 Carry(Int128? cap, Int128? limit, Int128 carried, Int128 extension, Int128 settled)
    {
        if (limit is null) return 0;
        // Nobody owes more than was spent and owed before, however far a limit was lowered.
        Int128 debt = Int128.Min(settled - limit.Value - carried - extension, settled + Int128.Max(0, -carried));
        if (_carriesOverspend && debt > 0) return -debt;
        Int128 plain = Int128.Clamp(limit.Value + carried, 0, HighestCap);
        return cap is null ? 0 : Int128.Clamp(plain - settled, 0, cap.Value);
    }

    private void Recount(
        IEnumerable<(Int128 Last, AuditAmount Settled, AuditAmount Overrun)> counted, Int128 start)
    {
        Start = start;
        AuditAmount lifetime = Lifetime;
        Carried = Settled = Overrun = default;
        RollingSteps.Clear();
        foreach ((Int128 last, AuditAmount settled, AuditAmount overrun) in counted)
        {
            Settled += settled;
            Overrun += overrun;
            AddStep(last, settled, overrun);
        }

        Past = lifetime - Settled;
        if (Rolling is not null) PeriodEnd = NextStep;
        MoveCaps();
    }

    /// <summary>The oldest step leaves a rolling window; answers what it was.</summary>
    public (AuditAmount Settled, AuditAmount Overrun) Move()
    {
        if (RollingSteps.Count == 0) return default;
        (_, AuditAmount settled, AuditAmount overrun) = RollingSteps[0];
        RollingSteps.RemoveAt(0);
        Past += settled;
        Settled -= settled;
        Overrun -= overrun;
        PeriodEnd = NextStep;
        MoveCaps();
        return (settled, overrun);
    }

    private AuditWindowUsage TakeUsage() => new()
    {
        Window = Window,
        Rolling = Rolling,
        Steps = [.. RollingSteps],
        Settled = Settled,
        Overrun = Overrun,
        Past = Past,
        Carried = Carried,
        Extension = Extension,
        ExtensionEnd = ExtensionEnd,
        ToldPercent = ToldPercent,
        Start = Start,
        StartedOver = StartedOver,
    };

    private void GiveUsage(AuditWindowUsage usage)
    {
        Rolling = usage.Rolling;
        RollingSteps.Clear();
        RollingSteps.AddRange(usage.Steps);
        Settled = usage.Settled;
        Overrun = usage.Overrun;
        Past = usage.Past;
        Carried = usage.Carried;
        Extension = usage.Extension;
        ExtensionEnd = usage.ExtensionEnd;
        ToldPercent = usage.ToldPercent;
        Start = usage.Start;
        StartedOver = usage.StartedOver;
    }

    private void Configure(Budget? budget, AuditLadder ladder, Int128? periodEnd, Int128 now)
    {
        Window = WindowOf(budget);
        Period = budget is null || budget.Period == Period.Unspecified ? Period.None : budget.Period;
        Int128? rolling = budget?.Rolling is null ? null : AuditNumbers.NanosOf(budget.Rolling);
        if (rolling != Rolling)
        {
            Rolling = rolling;
            RollingSteps.Clear();
            if (Settled != default) AddStep(now, Settled, Overrun);
        }

        PeriodEnd = Rolling is null ? periodEnd : NextStep;
        _ladder = AuditLadder.From(budget, ladder);
        _ofCatalog = new AuditLimit(
            AuditNumbers.OptionalNanosOf(budget?.Limit), budget is { HasTokens: true } ? budget.Tokens : null);
        _carryCap = CarryCapOf(budget);
        _carriesOverspend = budget is { CarryOverspend: true };
        AutoApproval = new AuditAmount(
            AuditNumbers.OptionalNanosOf(budget?.AutoApprove?.Limit) ?? 0, budget?.AutoApprove?.Tokens ?? 0);
        Carried = AuditAmount.Min(Carried, new AuditAmount(_carryCap.Nanos ?? 0, _carryCap.Tokens ?? 0));
        if (!_carriesOverspend) Carried = Carried.AboveZero();
        if (_ofCatalog.Nanos is null) Carried = Carried with { Nanos = 0 };
        if (_ofCatalog.Tokens is null) Carried = Carried with { Tokens = 0 };
        MoveCaps();
    }

    // Null where nothing is carried.
    private static AuditLimit CarryCapOf(Budget? budget) => budget?.Rollover is not { } rollover
        ? default
        : new AuditLimit(
            budget.Limit is null ? null : AuditNumbers.NanosOf(rollover.Cap ?? budget.Limit),
            budget.HasTokens ? rollover.HasCapTokens ? rollover.CapTokens : budget.Tokens : null);

    // The newest steps lose it first.
    private void LowerSteps(AuditAmount amount)
    {
        AuditAmount settledLeft = amount;
        AuditAmount overrunLeft = amount;
        for (int place = RollingSteps.Count - 1; place >= 0; place--)
        {
            (Int128 index, AuditAmount settled, AuditAmount overrun) = RollingSteps[place];
            AuditAmount fromSettled = AuditAmount.Min(settled, settledLeft);
            AuditAmount fromOverrun = AuditAmount.Min(overrun, overrunLeft);
            RollingSteps[place] = (index, settled - fromSettled, overrun - fromOverrun);
            settledLeft -= fromSettled;
            overrunLeft -= fromOverrun;
        }
    }

    private Int128 StepLength => (Rolling!.Value + StepsPerWindow - 1) / StepsPerWindow;

    // When the oldest step is a window's length ago.
    private Int128? NextStep =>
        RollingSteps.Count == 0 ? null : (RollingSteps[0].Index + 1 + StepsPerWindow) * StepLength;

    private bool TakeFromStep(Int128 at, AuditAmount amount)
    {
        int place = RollingSteps.FindIndex(step => step.Index == at / StepLength);
        if (place < 0) return false;
        (Int128 index, AuditAmount settled, AuditAmount overrun) = RollingSteps[place];
        bool isThere = overrun.Nanos >= amount.Nanos && overrun.Tokens >= amount.Tokens;
        if (isThere) RollingSteps[place] = (index, settled - amount, overrun - amount);
        return isThere;
    }

    private void AddStep(Int128 now, AuditAmount settled, AuditAmount overrun)
    {
        if (Rolling is null) return;
        Int128 index = now / StepLength;
        if (RollingSteps.Count > 0 && RollingSteps[^1].Index == index)
            RollingSteps[^1] = (index, RollingSteps[^1].Settled + settled, RollingSteps[^1].Overrun + overrun);
        else
            RollingSteps.Add((index, settled, overrun));
        PeriodEnd = NextStep;
    }
}
