using AgentBudget.Ledger.Budgets;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tenants;

/// <summary>
/// One level that a spend is charged to: a name, its numbers, and the reason it gives when it refuses.
/// </summary>
internal abstract class Account(string name, Reason budgetReason)
{
    private Window[] _windows = [new Window(name)];

    /// <summary>What it settled, by time; null for a session, whose window has no period.</summary>
    public SpendHistory? History { get; protected init; } = new();

    public string Name { get; } = name;

    public Reason BudgetReason { get; } = budgetReason;

    /// <summary>Its first window, which is its only one where the catalog names no further.</summary>
    public Window Window => _windows[0];

    /// <summary>Every window of its budget, at least one. A spend has to fit all of them.</summary>
    public ReadOnlySpan<Window> Windows => _windows;

    /// <summary>Whether the catalog names it. One that was removed stays until no session refers to it.</summary>
    public bool IsInCatalog { get; set; }

    /// <summary>Sessions that are not yet forgotten, and open disputes, that have it on their path.</summary>
    public int Sessions { get; set; }

    /// <summary>Its budgets on models, in the catalog's order.</summary>
    public ModelAccount[] Families { get; set; } = [];

    /// <summary>What its users are limited to.</summary>
    public UserLimits UserLimits { get; set; } = UserLimits.None;

    /// <summary>The account that it is a part of; itself for a whole one.</summary>
    public virtual Account Of => this;

    /// <summary>Whether a call on a model counts here.</summary>
    public virtual bool Counts(string model) => true;

    /// <summary>Left before the tightest hard cap, never negative; unlimited without a limit.</summary>
    public long AvailableNanos
    {
        get
        {
            long least = Window.Unlimited;
            foreach (Window window in _windows) least = Math.Min(least, window.AvailableNanos);
            return least;
        }
    }

    public long AvailableTokens
    {
        get
        {
            long least = Window.Unlimited;
            foreach (Window window in _windows) least = Math.Min(least, window.AvailableTokens);
            return least;
        }
    }

    /// <summary>The window with this name, the first for none; null if there is no such window.</summary>
    public Window? FindWindow(string window)
    {
        if (window.Length == 0) return Window;
        foreach (Window own in _windows)
        {
            if (own.Name == window) return own;
        }

        return null;
    }

    /// <summary>
    /// Makes its windows as a catalog says. A window keeps the usage of the one of its name. One with a new name
    /// counts what the account settled since its period began, and takes over the extension of a window that is named
    /// no longer, in order.
    /// </summary>
    /// <param name="rules">The catalog's windows; none for an account without a budget.</param>
    /// <param name="defaultLadder">The tiers where the catalog says nothing.</param>
    /// <param name="boundsOf">The period of a window; by default one that never ends and keeps its usage.</param>
    /// <param name="nowNanos">Log time.</param>
    public void Configure(
        IReadOnlyList<Protocol.V1.Budget> rules,
        TierLadder defaultLadder,
        Func<string, PeriodBounds> boundsOf,
        long nowNanos)
    {
        var next = new Window?[Math.Max(1, rules.Count)];
        List<Window> left = [.. _windows];
        for (int place = 0; place < rules.Count; place++)
        {
            string window = WindowName.Of(rules[place]);
            next[place] = left.Find(own => own.Name == window);
            if (next[place] is { } same) left.Remove(same);
        }

        for (int place = 0; place < next.Length; place++)
        {
            if (next[place] is null && left.Count > 0)
            {
                next[place] = left[0];
                left.RemoveAt(0);
            }

            if (next[place] is null)
            {
                next[place] = new Window(Name);
                next[place]!.StartBeside(_windows[0], nowNanos);
            }

            Protocol.V1.Budget? rule = place < rules.Count ? rules[place] : null;
            PeriodBounds bounds = rule is null ? default : boundsOf(WindowName.Of(rule));
            next[place]!.Configure(rule, place, defaultLadder, bounds.EndNanos, nowNanos);
            if (bounds.StartNanos is { } start && History is not null)
                next[place]!.Recount(History, start, nowNanos);
        }

        _windows = next!;
    }

    /// <summary>Whether exposure with this spend stays within every soft cap.</summary>
    public bool IsWithinSoftCap(in Spend spend)
    {
        foreach (Window window in _windows)
        {
            if (!window.IsWithinSoftCap(spend)) return false;
        }

        return true;
    }

    public void Hold(in Spend spend)
    {
        foreach (Window window in _windows) window.Hold(spend);
    }

    public void Unhold(in Spend spend)
    {
        foreach (Window window in _windows) window.Unhold(spend);
    }

    /// <summary>Holds one amount in place of another.</summary>
    public void Rehold(in Spend before, in Spend after)
    {
        foreach (Window window in _windows) window.Rehold(before, after);
    }

    /// <summary>Puts a restored hold back without asking the caps.</summary>
    public void RestoreHold(in Spend spend)
    {
        foreach (Window window in _windows) window.RestoreHold(spend);
    }

    /// <summary>Charges what was never held, within the hard cap.</summary>
    public void Charge(in Spend charge, TenantLedger ledger)
    {
        if (charge != default) History?.Add(ledger.LogTimeNanos, charge, overrun: default);
        foreach (Window window in _windows)
        {
            window.Charge(charge, ledger.LogTimeNanos);
            if (window.IsRolling) ledger.SetBudgetDeadlines(window);
        }
    }

    /// <summary>Charges in full; what goes beyond the hold is recorded as overrun.</summary>
    public void Settle(in Spend unheld, in Spend charge, in Spend overrun, TenantLedger ledger)
    {
        if (charge != default) History?.Add(ledger.LogTimeNanos, charge, overrun);
        foreach (Window window in _windows)
        {
            window.Settle(unheld, charge, overrun, ledger.LogTimeNanos);
            if (window.IsRolling) ledger.SetBudgetDeadlines(window);
        }
    }

    /// <summary>Takes back what was charged before.</summary>
    public void Lower(in Spend amount)
    {
        History?.Lower(amount);
        foreach (Window window in _windows) window.Lower(amount);
    }

    /// <summary>
    /// Charges what was held, and keeps what is in dispute beside it: nobody else has less room by it.
    /// </summary>
    public void SettleDisputed(in Spend unheld, in Spend charge, in Spend disputed, TenantLedger ledger)
    {
        Spend settled = charge.Without(disputed);
        Settle(unheld, settled, settled.Above(unheld), ledger);
        foreach (Window window in _windows) window.StartDispute(disputed);
    }

    /// <summary>Takes back what was charged at a time, where a window still counts it.</summary>
    public void Credit(in Spend disputed, long chargedNanos, TenantLedger ledger)
    {
        History?.Lower(disputed);
        foreach (Window window in _windows)
        {
            window.Credit(disputed, chargedNanos);
            if (window.IsRolling) ledger.SetBudgetDeadlines(window);
        }
    }

    /// <summary>Adds a crossing for every notify tier that settled spend reaches with this charge.</summary>
    public void AddCrossings(in Spend charge, ICollection<TierCrossing> crossings)
    {
        foreach (Window window in _windows) window.AddCrossings(charge, crossings);
    }

    /// <summary>Adds a notice for every notify tier that exposure reaches with a further amount.</summary>
    public void AddHeldNotices(in Spend further, ICollection<TierCrossing> notices)
    {
        foreach (Window window in _windows) window.AddHeldNotices(further, notices);
    }

    /// <summary>
    /// Answers this account's refusal of a spend, or none: above a hard cap, or above a soft cap when the spend could
    /// not be moved to a cheaper model and the use case refuses that.
    /// </summary>
    public Refusal Check(in Spend spend, bool refusesAtSoftCap)
    {
        foreach (Window window in _windows)
        {
            Refusal refusal = Check(window, spend, refusesAtSoftCap);
            if (refusal.IsRefused) return refusal;
        }

        return default;
    }

    private Refusal Check(Window window, in Spend spend, bool refusesAtSoftCap)
    {
        long capNanos = refusesAtSoftCap ? Math.Min(window.SoftCapNanos, window.HardCapNanos) : window.HardCapNanos;
        if (!window.IsWithinNanos(spend, capNanos))
        {
            return new Refusal(BudgetReason, Name)
            {
                Unit = ReservationRefused.Types.Unit.Nanos,
                Limit = capNanos,
                Settled = window.SettledNanos,
                Held = window.HeldNanos,
                Requested = spend.CostNanos,
                ResetNanos = window.PeriodEndNanos,
                Window = window.Name,
            };
        }

        long capTokens = refusesAtSoftCap ? Math.Min(window.SoftCapTokens, window.HardCapTokens) : window.HardCapTokens;
        if (!window.IsWithinTokens(spend, capTokens))
        {
            return new Refusal(BudgetReason, Name)
            {
                Unit = ReservationRefused.Types.Unit.Tokens,
                Limit = capTokens,
                Settled = window.SettledTokens,
                Held = window.HeldTokens,
                Requested = spend.Tokens,
                ResetNanos = window.PeriodEndNanos,
                Window = window.Name,
            };
        }

        return default;
    }
}

/// <summary>The present period of a window, as the event that configures it says.</summary>
/// <param name="EndNanos">When it ends; 0 for never.</param>
/// <param name="StartNanos">Where the window is new, when it began; null for one that keeps its usage.</param>
internal readonly record struct PeriodBounds(long EndNanos, long? StartNanos);

/// <summary>Why a spend is refused, in numbers; the default value is no refusal.</summary>
internal readonly record struct Refusal(Reason Reason, string Account)
{
    public ReservationRefused.Types.Unit Unit { get; init; }

    public long Limit { get; init; }

    public Int128 Settled { get; init; }

    public Int128 Held { get; init; }

    public long Requested { get; init; }

    /// <summary>When the account's period ends; 0 for never.</summary>
    public long ResetNanos { get; init; }

    /// <summary>What is missing or unknown, where that is the reason.</summary>
    public string? Subject { get; init; }

    /// <summary>Which window of the account's budget refuses; null where none of the catalog's does.</summary>
    public string? Window { get; init; }

    /// <summary>A model that would fit, if there is one.</summary>
    public string? SuggestedModel { get; init; }

    public bool IsRefused => Reason != Reason.Unspecified;
}

/// <summary>The organization.</summary>
internal sealed class TenantAccount(string name) : Account(name, Reason.TenantBudget);
