using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>
/// The plain numbers of one account. One that a catalog removes keeps its usage until no session that is known refers
/// to it.
/// </summary>
internal sealed partial class AuditAccount(string name)
{
    // The ledger's amounts are 64 bits, the highest stands for unlimited; no cap reaches it.
    private static readonly Int128 HighestCap = long.MaxValue - 1;

    private AuditLadder _ladder = AuditLadder.Ceiling;
    private AuditLimit _ofCatalog;
    private AuditLimit _carryCap;
    private bool _carriesOverspend;

    public string Name { get; } = name;

    /// <summary>What the whole account settled, by time; only its first window has it.</summary>
    public AuditHistory History { get; } = new();

    /// <summary>Which window of the account these numbers are, by its period; empty for a session.</summary>
    public string Window { get; private set; } = "";

    /// <summary>The other windows of the same account.</summary>
    public List<AuditAccount> Further { get; private set; } = [];

    /// <summary>Every window of the account, this one first.</summary>
    public IEnumerable<AuditAccount> Windows => Further.Prepend(this);

    /// <summary>Length of a rolling window; null for a calendar one.</summary>
    public Int128? Rolling { get; private set; }

    /// <summary>What was settled in which step of a rolling window, oldest first.</summary>
    public List<(Int128 Index, AuditAmount Settled, AuditAmount Overrun)> RollingSteps { get; } = [];

    /// <summary>What of the limit was carried over from former periods.</summary>
    public AuditAmount Carried { get; private set; }

    public bool IsInCatalog { get; set; }

    /// <summary>Sessions that are not forgotten and have it on their path.</summary>
    public int Sessions { get; set; }

    public Period Period { get; private set; } = Period.None;

    /// <summary>When its period ends; null for never.</summary>
    public Int128? PeriodEnd { get; private set; }

    public bool HasLimit => _ofCatalog.Nanos is not null || _ofCatalog.Tokens is not null;

    public AuditAmount Extension { get; private set; }

    /// <summary>What the catalog approves more of in a month without anybody.</summary>
    public AuditAmount AutoApproval { get; private set; }

    /// <summary>When its extension ends; null for with the period, or never.</summary>
    public Int128? ExtensionEnd { get; private set; }

    public AuditLimit Limit { get; private set; }

    public AuditLimit SoftCap { get; private set; }

    public AuditLimit HardCap { get; private set; }

    public AuditAmount Settled { get; private set; }

    public AuditAmount Held { get; private set; }

    public AuditAmount Overrun { get; private set; }

    /// <summary>Neither settled nor held: nobody has decided about it.</summary>
    public AuditAmount Disputed { get; private set; }

    /// <summary>When its present period began; 0 where it counts from the beginning.</summary>
    public Int128 Start { get; private set; }

    /// <summary>Settled in the periods that have ended.</summary>
    public AuditAmount Past { get; private set; }

    public AuditAmount Lifetime => Past + Settled;

    public AuditAmount Exposure => Settled + Held;

    /// <summary>The highest tier that was told in this period.</summary>
    public int ToldPercent { get; private set; }

    /// <summary>Left before the hard cap, never negative; null where nothing limits.</summary>
    public AuditLimit Available => new(
        HardCap.Nanos is null ? null : Int128.Max(0, HardCap.Nanos.Value - Exposure.Nanos),
        HardCap.Tokens is null ? null : Int128.Max(0, HardCap.Tokens.Value - Exposure.Tokens));

    public IReadOnlyList<AuditLadder.Step> Steps => _ladder.Steps;

    public void SetLimit(AuditLimit limit)
    {
        _ofCatalog = limit;
        MoveCaps();
    }

    public void Extend(AuditAmount extension, Int128? end)
    {
        Extension = extension;
        ExtensionEnd = end;
        MoveCaps();
    }

    public void EndExtension() => Extend(default, end: null);

    public void EndPeriod(Int128? nextEnd, AuditAmount carried, Int128 now)
    {
        Start = now;
        Carried = carried;
        Past += Settled;
        Settled = Overrun = default;
        ToldPercent = 0;
        PeriodEnd = nextEnd;
        if (ExtensionEnd is null) EndExtension();
        else MoveCaps();
    }

    public void Hold(AuditAmount amount) => Held += amount;

    public void Unhold(AuditAmount amount) => Held -= amount;

    public void Charge(AuditAmount amount, AuditAmount overrun, Int128 now)
    {
        History.Add(now, amount, overrun);
        AddStep(now, amount, overrun);
        Settled += amount;
        Overrun += overrun;
    }

    /// <summary>What was settled when it was last started over by hand; null where it never was.</summary>
    public AuditHistory? StartedOver { get; private set; }

    /// <summary>This period starts over by hand.</summary>
    public void StartOver(AuditHistory history, Int128 now)
    {
        StartedOver = history.Copy();
        Past += Settled;
        Settled = Overrun = default;
        ToldPercent = 0;
        Start = now;
        RollingSteps.Clear();
        if (Rolling is not null) PeriodEnd = null;
        MoveCaps();
    }

    /// <summary>
    /// Takes back what was charged: of this period, what is left of that from the periods before; never more than ever
    /// was.
    /// </summary>
    public void Lower(AuditAmount asked)
    {
        History.Lower(asked);
        AuditAmount amount = AuditAmount.Min(asked, Lifetime);
        LowerSteps(amount);
        Take(amount);
    }

    public void StartDispute(AuditAmount amount) => Disputed += amount;

    public void EndDispute(AuditAmount amount) => Disputed -= amount;

    /// <summary>Takes back what was charged at a time beyond its hold, in the period that counts it.</summary>
    public void Credit(AuditAmount asked, Int128 at)
    {
        History.Lower(asked);
        AuditAmount amount = AuditAmount.Min(asked, Lifetime);
        bool isCounted = Rolling is null ? at >= Start : TakeFromStep(at, amount);
        if (isCounted) Take(amount);
        else Past -= AuditAmount.Min(amount, Past);
    }

    private void Take(AuditAmount amount)
    {
        AuditAmount here = AuditAmount.Min(Settled, amount);
        Settled -= here;
        Past -= amount - here;
        Overrun -= AuditAmount.Min(Overrun, amount);
        MoveCaps();
    }

    public void Tell(int percent) => ToldPercent = Math.Max(ToldPercent, percent);

    /// <summary>Whether an amount is at least this percent of a limit. Nothing is a share of a limit of zero.</summary>
    public bool Reaches(AuditAmount amount, int percent) =>
        Reaches(amount.Nanos, Limit.Nanos, percent) || Reaches(amount.Tokens, Limit.Tokens, percent);

    /// <summary>The highest tier that an amount reaches; 0 below the first.</summary>
    public int HighestReached(AuditAmount amount) =>
        _ladder.Steps.LastOrDefault(step => Reaches(amount, step.Percent)).Percent;

    public AuditBalance ToBalance() => new(
        Name, Settled.Nanos, Held.Nanos, Overrun.Nanos, Lifetime.Nanos, Limit.Nanos, HardCap.Nanos,
        Settled.Tokens, Held.Tokens, Overrun.Tokens, Lifetime.Tokens, Limit.Tokens, HardCap.Tokens, Window,
        [.. Further.Select(window => window.ToBalance())], Disputed.Nanos, Disputed.Tokens);

    private static bool Reaches(Int128 amount, Int128? limit, int percent) =>
        limit > 0 && amount * 100 >= limit.Value * percent;

    private void MoveCaps()
    {
        var plain = new AuditLimit(Moved(_ofCatalog.Nanos, Carried.Nanos), Moved(_ofCatalog.Tokens, Carried.Tokens));
        Limit = new AuditLimit(Moved(plain.Nanos, Extension.Nanos), Moved(plain.Tokens, Extension.Tokens));
        SoftCap = Cap(_ladder.SoftPercent);
        HardCap = Cap(_ladder.HardPercent);
        ToldPercent = Math.Min(ToldPercent, HighestReached(Settled));
    }

    // A limit lowered below zero allows nothing.
    private static Int128? Moved(Int128? limit, Int128 extension) =>
        limit is null ? null : Int128.Clamp(limit.Value + extension, 0, HighestCap);

    private AuditLimit Cap(int? percent) => percent is { } share
        ? new AuditLimit(Share(Limit.Nanos, share), Share(Limit.Tokens, share))
        : default;

    // Rounded down: a cap is never above its percentage.
    private static Int128? Share(Int128? limit, int percent) =>
        limit is null ? null : Int128.Min(limit.Value * percent / 100, HighestCap);
}
