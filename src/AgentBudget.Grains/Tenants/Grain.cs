using AgentBudget.Grains.Budgets;
using AgentBudget.Protocol.V1;
using Budget = AgentBudget.Grains.Budgets.Budget;

namespace AgentBudget.Grains.Tenants;

/// <summary>
/// One level that a spend is charged to: a name, its numbers, and the reason it gives when it refuses.
/// </summary>
internal abstract class Grain(string name, Reason budgetReason)
{
    public string Name { get; } = name;

    public Reason BudgetReason { get; } = budgetReason;

    public Budget Budget { get; } = new(name);

    /// <summary>Whether the catalog names it. One that was removed stays until no session refers to it.</summary>
    public bool IsInCatalog { get; set; }

    /// <summary>Sessions that are not yet forgotten and have it on their path.</summary>
    public int Sessions { get; set; }

    /// <summary>Whether exposure with this spend stays within the soft cap.</summary>
    public bool IsWithinSoftCap(in Spend spend) => Budget.IsWithinSoftCap(spend);

    /// <summary>Whether sums with this spend would still fit 64 bits.</summary>
    public bool CanCount(in Spend spend) => Budget.CanCount(spend);

    public void Hold(in Spend spend) => Budget.Hold(spend);

    public void Unhold(in Spend spend) => Budget.Unhold(spend);

    /// <summary>Holds one amount in place of another.</summary>
    public void Rehold(in Spend before, in Spend after) => Budget.Rehold(before, after);

    /// <summary>Charges what was never held, within the hard cap.</summary>
    public void Charge(in Spend charge) => Budget.Charge(charge);

    /// <summary>Charges in full; what goes beyond the hold is recorded as overrun.</summary>
    public void Settle(in Spend unheld, in Spend charge, in Spend overrun) => Budget.Settle(unheld, charge, overrun);

    /// <summary>
    /// Answers this grain's refusal of a spend, or none: above its hard cap, or above its soft cap when the spend could
    /// not be moved to a cheaper model and the use case refuses that.
    /// </summary>
    public Refusal Check(in Spend spend, bool refusesAtSoftCap)
    {
        long capNanos = refusesAtSoftCap ? Math.Min(Budget.SoftCapNanos, Budget.HardCapNanos) : Budget.HardCapNanos;
        if (!Budget.IsWithinNanos(spend, capNanos))
        {
            return new Refusal(BudgetReason, Name)
            {
                Unit = ReservationRefused.Types.Unit.Nanos,
                Limit = capNanos,
                Settled = Budget.SettledNanos,
                Held = Budget.HeldNanos,
                Requested = spend.CostNanos,
                ResetNanos = Budget.PeriodEndNanos,
            };
        }

        long capTokens = refusesAtSoftCap ? Math.Min(Budget.SoftCapTokens, Budget.HardCapTokens) : Budget.HardCapTokens;
        if (!Budget.IsWithinTokens(spend, capTokens))
        {
            return new Refusal(BudgetReason, Name)
            {
                Unit = ReservationRefused.Types.Unit.Tokens,
                Limit = capTokens,
                Settled = Budget.SettledTokens,
                Held = Budget.HeldTokens,
                Requested = spend.Tokens,
                ResetNanos = Budget.PeriodEndNanos,
            };
        }

        return default;
    }
}

/// <summary>Why a spend is refused, in numbers; the default value is no refusal.</summary>
internal readonly record struct Refusal(Reason Reason, string Grain)
{
    public ReservationRefused.Types.Unit Unit { get; init; }

    public long Limit { get; init; }

    public long Settled { get; init; }

    public long Held { get; init; }

    public long Requested { get; init; }

    /// <summary>When the grain's period ends; 0 for never.</summary>
    public long ResetNanos { get; init; }

    /// <summary>What is missing or unknown, where that is the reason.</summary>
    public string? Subject { get; init; }

    /// <summary>A model that would fit, if there is one.</summary>
    public string? SuggestedModel { get; init; }

    public bool IsRefused => Reason != Reason.Unspecified;
}

/// <summary>The organization.</summary>
internal sealed class TenantGrain(string name) : Grain(name, Reason.TenantBudget);
