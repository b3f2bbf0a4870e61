using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>What of a charge counts on a budget on models: what they ran of it.</summary>
internal static class ChargeShare
{
    public static Spend Of(ModelAccount family, ReservationSettled settled)
    {
        var charge = new Spend(settled.CostNanos, settled.Tokens);
        bool isFirst = Concerns(family, settled.Model, settled.PricedAs);
        // A bill is not told sampling by sampling, and what is in dispute stands as a whole.
        bool isWhole = settled.Parts.Count == 0 || settled.HasOwnCostNanos || settled.Disputed;
        if (isWhole) return isFirst ? charge : default;
        Spend ofFamily = default;
        long partsNanos = 0;
        foreach (SettledPart part in settled.Parts)
        {
            partsNanos += part.CostNanos;
            if (!Concerns(family, part.Model, part.PricedAs)) continue;
            ofFamily = ofFamily.Plus(new Spend(part.CostNanos, part.Usage is null ? 0 : Tokens.From(part.Usage).Total));
        }

        // Counted items belong to the call, which is the first sampling's.
        return isFirst ? ofFamily.Plus(new Spend(charge.CostNanos - partsNanos, Tokens: 0)) : ofFamily;
    }

    /// <summary>Whether what ran on a model, at the price of another if that is named, counts.</summary>
    public static bool Concerns(ModelAccount family, string model, string pricedAs) =>
        family.Counts(model) || family.Counts(pricedAs);
}
