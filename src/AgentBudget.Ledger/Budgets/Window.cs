using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>
/// One limit of an account over one period: what is settled in the period, what is held, and the caps around them.
/// Exposure is settled + held. Every change comes from an event; nothing here reads a clock.
/// </summary>
internal sealed partial class Window
{
    /// <summary>Stands for an absent limit.</summary>
    internal const long Unlimited = long.MaxValue;

    private static readonly Protocol.V1.Budget NoRule = new();

    private TierLadder _ladder = TierLadder.Plain;
    private long _catalogLimitNanos = Unlimited;
    private long _catalogLimitTokens = Unlimited;
    private Rollover? _rollover;
    private RollingSpend? _rolling;
    private bool _carriesOverspend;
    private int _place;

    // Made when something ends for the first time: most windows are of sessions, where nothing does.
    private Deadline? _periodEnd;
    private Deadline? _extensionEnd;

    public Window(string account) => Account = account;

    public string Account { get; }

    /// <summary>Which window of the account, by its period; empty for a session.</summary>
    public string Name { get; private set; } = "";

    /// <summary>Its end moves with what is settled.</summary>
    public bool IsRolling => _rolling is not null;

    /// <summary>
    /// What of the limit was carried over from former periods; below zero what they spent above theirs.
    /// </summary>
    public long CarriedNanos { get; private set; }

    public long CarriedTokens { get; private set; }

    /// <summary>The catalog's window; one without a limit where the catalog has none.</summary>
    public Protocol.V1.Budget Rule { get; private set; } = NoRule;

    /// <summary>When the period ends, or the oldest of a rolling one leaves; 0 for never.</summary>
    public long PeriodEndNanos { get; private set; }

    /// <summary>Change of the limits beside the catalog.</summary>
    public long ExtensionNanos { get; private set; }

    public long ExtensionTokens { get; private set; }

    /// <summary>When the extension ends; 0 for with the period, or never without one.</summary>
    public long ExtensionEndNanos { get; private set; }

    public long LimitNanos { get; private set; } = Unlimited;

    public long LimitTokens { get; private set; } = Unlimited;

    public long SoftCapNanos { get; private set; } = Unlimited;

    public long SoftCapTokens { get; private set; } = Unlimited;

    public long HardCapNanos { get; private set; } = Unlimited;

    public long HardCapTokens { get; private set; } = Unlimited;

    public Int128 SettledNanos { get; private set; }

    public Int128 HeldNanos { get; private set; }

    public Int128 OverrunNanos { get; private set; }

    public Int128 SettledTokens { get; private set; }

    public Int128 HeldTokens { get; private set; }

    public Int128 OverrunTokens { get; private set; }

    /// <summary>Settled over all periods.</summary>
    public Int128 LifetimeNanos { get; private set; }

    public Int128 LifetimeTokens { get; private set; }

    /// <summary>Reported beyond what a call can use, and not settled here until somebody decides.</summary>
    public Int128 DisputedNanos { get; private set; }

    public Int128 DisputedTokens { get; private set; }

    /// <summary>When its present period began; 0 where it counts from the beginning.</summary>
    public long StartNanos { get; private set; }

    /// <summary>The highest tier that was notified in this period.</summary>
    public int NotifiedPercent { get; private set; }

    public bool HasCatalogLimitNanos => _catalogLimitNanos != Unlimited;

    public bool HasCatalogLimitTokens => _catalogLimitTokens != Unlimited;

    /// <summary>What the catalog says, with what was carried over: the limit without an extension.</summary>
    public long PlainLimitNanos => Moved(_catalogLimitNanos, CarriedNanos);

    public long PlainLimitTokens => Moved(_catalogLimitTokens, CarriedTokens);

    public Int128 ExposureNanos => SettledNanos + HeldNanos;

    public Int128 ExposureTokens => SettledTokens + HeldTokens;

    /// <summary>Left before the hard cap, never negative; <see cref="Unlimited"/> without a limit.</summary>
    public long AvailableNanos =>
        HardCapNanos == Unlimited ? Unlimited : (long)Int128.Max(0, HardCapNanos - ExposureNanos);

    public long AvailableTokens =>
        HardCapTokens == Unlimited ? Unlimited : (long)Int128.Max(0, HardCapTokens - ExposureTokens);

    /// <summary>Whether exposure with this spend stays within the soft cap.</summary>
    public bool IsWithinSoftCap(in Spend spend) =>
        IsWithinNanos(spend, SoftCapNanos) && IsWithinTokens(spend, SoftCapTokens);

    /// <summary>Whether exposure with this spend stays within the hard cap.</summary>
    public bool IsWithinHardCap(in Spend spend) =>
        IsWithinNanos(spend, HardCapNanos) && IsWithinTokens(spend, HardCapTokens);

    /// <summary>
    /// Whether money fits below a cap. What costs nothing asks nothing of it, however far it is passed.
    /// </summary>
    public bool IsWithinNanos(in Spend spend, long cap) =>
        cap == Unlimited || spend.CostNanos <= Int128.Max(0, cap - ExposureNanos);

    /// <summary>The same of tokens.</summary>
    public bool IsWithinTokens(in Spend spend, long cap) =>
        cap == Unlimited || spend.Tokens <= Int128.Max(0, cap - ExposureTokens);

    public bool Reaches(Int128 nanos, Int128 tokens, int percent) =>
        TierLadder.Reaches(nanos, LimitNanos, percent) || TierLadder.Reaches(tokens, LimitTokens, percent);

    /// <summary>The highest tier that exposure has reached, in percent; 0 below the first.</summary>
    public int ReachedTier() => HighestTier(ExposureNanos, ExposureTokens);

    /// <summary>
    /// Adds a crossing for every notify tier that settled spend reaches with this charge and that was not notified.
    /// </summary>
    public void AddCrossings(in Spend charge, ICollection<TierCrossing> crossings)
    {
        if (LimitNanos == Unlimited && LimitTokens == Unlimited) return;
        Int128 nanos = SettledNanos + charge.CostNanos;
        Int128 tokens = SettledTokens + charge.Tokens;
        foreach (Tier tier in _ladder.Tiers)
        {
            bool notifies = tier.Notify.Count > 0 && tier.AtPercent > NotifiedPercent;
            if (!notifies || !Reaches(nanos, tokens, tier.AtPercent)) continue;
            crossings.Add(new TierCrossing
            {
                Grain = Account,
                Window = Name,
                AtPercent = tier.AtPercent,
                Notify = { tier.Notify },
            });
        }
    }

    /// <summary>
    /// Adds a notice for every notify tier that exposure reaches with a further amount, and settled spend has not.
    /// </summary>
    public void AddHeldNotices(in Spend further, ICollection<TierCrossing> notices)
    {
        if (LimitNanos == Unlimited && LimitTokens == Unlimited) return;
        Int128 nanos = ExposureNanos + further.CostNanos;
        Int128 tokens = ExposureTokens + further.Tokens;
        foreach (Tier tier in _ladder.Tiers)
        {
            if (!Reaches(nanos, tokens, tier.AtPercent)) return;
            bool isNew = tier.Notify.Count > 0 && tier.AtPercent > NotifiedPercent
                && !Reaches(ExposureNanos, ExposureTokens, tier.AtPercent);
            if (!isNew) continue;
            notices.Add(new TierCrossing
            {
                Grain = Account,
                Window = Name,
                AtPercent = tier.AtPercent,
                Notify = { tier.Notify },
            });
        }
    }

    /// <summary>Queues the ends of its period and of its extension as they are now.</summary>
    public void SetDeadlines(DeadlineQueue deadlines)
    {
        _periodEnd = Set(deadlines, _periodEnd, DeadlineKind.PeriodEnd, PeriodEndNanos);
        _extensionEnd = Set(deadlines, _extensionEnd, DeadlineKind.ExtensionEnd, ExtensionEndNanos);
    }

    /// <summary>Takes both ends out of the queue.</summary>
    public void RemoveDeadlines(DeadlineQueue deadlines)
    {
        if (_periodEnd is not null) deadlines.Remove(_periodEnd);
        if (_extensionEnd is not null) deadlines.Remove(_extensionEnd);
    }

    private Deadline? Set(DeadlineQueue deadlines, Deadline? deadline, DeadlineKind kind, long timeNanos)
    {
        if (deadline is not null) deadlines.Remove(deadline);
        if (timeNanos == 0) return deadline;
        deadline ??= new Deadline(kind, this, _place, Account);
        deadline.Number = _place;
        deadlines.Set(deadline, timeNanos);
        return deadline;
    }

    /// <summary>Sets what the catalog says. Usage stays.</summary>
    /// <param name="rule">The catalog's window; null for an account without one.</param>
    /// <param name="place">Its place among the account's windows; orders deadlines of one instant.</param>
    /// <param name="defaultLadder">The tiers where the catalog says nothing.</param>
    /// <param name="periodEndNanos">When its calendar period ends; 0 for never.</param>
    /// <param name="nowNanos">Log time.</param>
    public void Configure(
        Protocol.V1.Budget? rule, int place, TierLadder defaultLadder, long periodEndNanos, long nowNanos)
    {
        Rule = rule ?? NoRule;
        Name = rule is null ? "" : WindowName.Of(rule);
        _place = place;
        ConfigureRolling(rule?.Rolling is null ? 0 : LogTime.FromDuration(rule.Rolling), nowNanos);
        PeriodEndNanos = _rolling?.NextLeaveNanos ?? periodEndNanos;
        _rollover = rule?.Rollover;
        _carriesOverspend = rule is { CarryOverspend: true };
        _ladder = rule is null || rule.Tiers.Count == 0 ? defaultLadder : new TierLadder(rule.Tiers);
        // Limits move once, with what is carried: a tier that was told is not told again for a limit that never was.
        _catalogLimitNanos = rule?.Limit is null ? Unlimited : MoneyMath.ToNanos(rule.Limit);
        _catalogLimitTokens = rule is { HasTokens: true } ? rule.Tokens : Unlimited;
        CarriedNanos = Math.Clamp(CarriedNanos, CarryMin(HasCatalogLimitNanos), CarryMaxNanos);
        CarriedTokens = Math.Clamp(CarriedTokens, CarryMin(HasCatalogLimitTokens), CarryMaxTokens);
        MoveLimits();
    }

    /// <summary>
    /// Its period is new: counts what of the account's spend belongs to it, but not what a reset by hand took away, and
    /// nothing is carried.
    /// </summary>
    public void Recount(SpendHistory history, long startNanos, long nowNanos)
    {
        IEnumerable<CountedSpend> counted = StartedOver is null
            ? history.Since(startNanos, nowNanos)
            : history.SinceWithout(StartedOver, startNanos, nowNanos);
        StartNanos = startNanos;
        CarriedNanos = CarriedTokens = 0;
        SettledNanos = SettledTokens = OverrunNanos = OverrunTokens = 0;
        _rolling?.Clear();
        foreach (CountedSpend spend in counted)
        {
            SettledNanos += spend.Settled.CostNanos;
            SettledTokens += spend.Settled.Tokens;
            OverrunNanos += spend.Overrun.CostNanos;
            OverrunTokens += spend.Overrun.Tokens;
            _rolling?.Add(spend.LastNanos, Total.Of(spend.Settled), Total.Of(spend.Overrun));
        }

        if (_rolling is not null) PeriodEndNanos = _rolling.NextLeaveNanos;
        MoveLimits();
    }

    /// <summary>A further window of an account that holds something: it counts from now on.</summary>
    public void StartBeside(Window other, long nowNanos)
    {
        StartNanos = nowNanos;
        DisputedNanos = other.DisputedNanos;
        DisputedTokens = other.DisputedTokens;
        HeldNanos = other.HeldNanos;
        HeldTokens = other.HeldTokens;
        LifetimeNanos = other.LifetimeNanos;
        LifetimeTokens = other.LifetimeTokens;
    }

    /// <summary>
    /// What an ending period leaves to the next: what of its limit was not settled, up to the cap; or, below zero, what
    /// was settled above it.
    /// </summary>
    public Spend Carry() => new(
        CarryOf(HasCatalogLimitNanos, _catalogLimitNanos, CarriedNanos, ExtensionNanos, SettledNanos, CarryMaxNanos),
        CarryOf(
            HasCatalogLimitTokens, _catalogLimitTokens, CarriedTokens, ExtensionTokens, SettledTokens, CarryMaxTokens));

    /// <summary>Sets plain limits, such as a session's ceilings.</summary>
    public void SetLimits(long limitNanos, long limitTokens)
    {
        _catalogLimitNanos = limitNanos;
        _catalogLimitTokens = limitTokens;
        MoveLimits();
    }

    public void Hold(in Spend spend)
    {
        Invariant.Holds(IsWithinHardCap(spend));
        HeldNanos += spend.CostNanos;
        HeldTokens += spend.Tokens;
        Invariant.Holds(HeldNanos >= 0);
        Invariant.Holds(HeldTokens >= 0);
    }

    public void Unhold(in Spend spend)
    {
        HeldNanos -= spend.CostNanos;
        HeldTokens -= spend.Tokens;
        Invariant.Holds(HeldNanos >= 0);
        Invariant.Holds(HeldTokens >= 0);
    }

    /// <summary>Holds one amount in place of another; what it grows by is within the hard cap.</summary>
    public void Rehold(in Spend before, in Spend after)
    {
        Invariant.Holds(IsWithinHardCap(after.Beyond(before)));
        Unhold(before);
        RestoreHold(after);
    }

    /// <summary>Charges in full; what goes beyond the hold is recorded as overrun and makes no room.</summary>
    public void Settle(in Spend unheld, in Spend charge, in Spend overrun, long nowNanos)
    {
        Invariant.Holds(charge.CostNanos >= overrun.CostNanos);
        Invariant.Holds(charge.CostNanos - overrun.CostNanos <= unheld.CostNanos);
        Unhold(unheld);
        SettledNanos += charge.CostNanos;
        SettledTokens += charge.Tokens;
        LifetimeNanos += charge.CostNanos;
        LifetimeTokens += charge.Tokens;
        OverrunNanos += overrun.CostNanos;
        OverrunTokens += overrun.Tokens;
        if (_rolling is null) return;
        _rolling.Add(nowNanos, Total.Of(charge), Total.Of(overrun));
        PeriodEndNanos = _rolling.NextLeaveNanos;
    }

    /// <summary>Charges what was never held, within the hard cap.</summary>
    public void Charge(in Spend charge, long nowNanos)
    {
        Hold(charge);
        Settle(charge, charge, overrun: default, nowNanos);
    }

    public void MarkNotified(int percent) => NotifiedPercent = Math.Max(NotifiedPercent, percent);

    /// <summary>What leaves a rolling window next; there is something.</summary>
    public RollingStep OldestStep => _rolling!.Oldest;

    /// <summary>
    /// The oldest step leaves a rolling window. Tiers that settled spend is below again are notified again.
    /// </summary>
    public void MoveWindow()
    {
        Invariant.Holds(_rolling is not null);
        RollingStep step = _rolling!.Oldest;
        _rolling.Leave();
        SettledNanos -= step.Settled.Nanos;
        SettledTokens -= step.Settled.Tokens;
        OverrunNanos -= step.Overrun.Nanos;
        OverrunTokens -= step.Overrun.Tokens;
        Invariant.Holds(SettledNanos >= 0);
        Invariant.Holds(SettledTokens >= 0);
        PeriodEndNanos = _rolling.NextLeaveNanos;
        MoveLimits();
    }

    /// <summary>
    /// What the account had settled when this was last started over by hand; null where it never was. None of it counts
    /// here again, whatever the period becomes.
    /// </summary>
    public SpendHistory? StartedOver { get; private set; }

    /// <summary>Starts this period over: nothing is settled in it, holds stay.</summary>
    public void StartOver(SpendHistory? history, long nowNanos)
    {
        StartedOver = history?.Copy();
        StartNanos = nowNanos;
        SettledNanos = SettledTokens = OverrunNanos = OverrunTokens = 0;
        NotifiedPercent = 0;
        _rolling?.Clear();
        if (_rolling is not null) PeriodEndNanos = 0;
        MoveLimits();
    }

    /// <summary>Starts the next period: settled spend is zero again, holds stay.</summary>
    public void EndPeriod(long nextEndNanos, in Spend carried, long nowNanos)
    {
        StartNanos = nowNanos;
        PeriodEndNanos = nextEndNanos;
        CarriedNanos = carried.CostNanos;
        CarriedTokens = carried.Tokens;
        SettledNanos = SettledTokens = OverrunNanos = OverrunTokens = 0;
        NotifiedPercent = 0;
        if (ExtensionEndNanos == 0) Extend(extensionNanos: 0, extensionTokens: 0, endNanos: 0);
        else MoveLimits();
    }

    /// <summary>Sets the extension. Tiers that settled spend is below again are notified again.</summary>
    public void Extend(long extensionNanos, long extensionTokens, long endNanos)
    {
        ExtensionNanos = extensionNanos;
        ExtensionTokens = extensionTokens;
        ExtensionEndNanos = endNanos;
        MoveLimits();
    }

    // Without a rollover nothing is carried; without a cap, at most the limit once more.
    private long CarryMaxNanos => _rollover is null || !HasCatalogLimitNanos
        ? 0
        : _rollover.Cap is null ? _catalogLimitNanos : MoneyMath.ToNanos(_rollover.Cap);

    private long CarryMaxTokens => _rollover is null || !HasCatalogLimitTokens
        ? 0
        : _rollover.HasCapTokens ? _rollover.CapTokens : _catalogLimitTokens;

    private long CarryMin(bool hasLimit) => _carriesOverspend && hasLimit ? -(Unlimited - 1) : 0;

    // A debt is what was spent above the limit, with what is left of the debt before: a limit that was lowered under
    // what it is makes none of what nobody spent.
    private long CarryOf(bool hasLimit, long limit, long carried, long extension, Int128 settled, long max)
    {
        if (!hasLimit) return 0;
        Int128 debt = Int128.Min(
            settled - limit - carried - extension, settled + Int128.Max(0, -(Int128)carried));
        if (_carriesOverspend && debt > 0) return (long)Int128.Max(-debt, CarryMin(hasLimit));
        return max == 0 ? 0 : (long)Int128.Clamp(Moved(limit, carried) - settled, 0, max);
    }

    // A window that begins to roll counts what is settled as of now: never too short.
    private void ConfigureRolling(long lengthNanos, long nowNanos)
    {
        if (lengthNanos == (_rolling?.LengthNanos ?? 0)) return;
        _rolling = lengthNanos == 0 ? null : new RollingSpend(lengthNanos);
        if (SettledNanos == 0 && SettledTokens == 0) return;
        _rolling?.Add(
            nowNanos, new Total(SettledNanos, SettledTokens), new Total(OverrunNanos, OverrunTokens));
    }

    private void MoveLimits()
    {
        LimitNanos = Moved(PlainLimitNanos, ExtensionNanos);
        LimitTokens = Moved(PlainLimitTokens, ExtensionTokens);
        SoftCapNanos = _ladder.SoftCap(LimitNanos);
        SoftCapTokens = _ladder.SoftCap(LimitTokens);
        HardCapNanos = _ladder.HardCap(LimitNanos);
        HardCapTokens = _ladder.HardCap(LimitTokens);
        NotifiedPercent = Math.Min(NotifiedPercent, HighestTier(SettledNanos, SettledTokens));
    }

    // A catalog limit that was lowered under a negative extension allows nothing rather than less than nothing.
    private static long Moved(long limit, long extension) =>
        limit == Unlimited ? Unlimited : (long)Int128.Clamp((Int128)limit + extension, 0, Unlimited - 1);

    private int HighestTier(Int128 nanos, Int128 tokens)
    {
        int highest = 0;
        foreach (Tier tier in _ladder.Tiers)
        {
            if (Reaches(nanos, tokens, tier.AtPercent)) highest = tier.AtPercent;
        }

        return highest;
    }
}
