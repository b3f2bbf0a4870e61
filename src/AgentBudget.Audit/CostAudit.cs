using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Costs that are not tokens: decided and charged at once.</summary>
internal static class CostAudit
{
    private const long PartsPerUnit = 1_000_000;

    public static void Record(AuditState state, AuditSession session, CostRecorded recorded)
    {
        var charge = new AuditAmount(recorded.CostNanos, 0);
        HoldAudit.CheckSession(state, session);
        state.CheckDeadlines(session);
        if (recorded.Tags is not null) TagAudit.CheckDeclared(state, recorded.Tags.Values);
        TagAudit.CheckRequired(state, session, recorded.Tags?.Values);
        CheckCost(state, recorded);
        CheckToolCalls(state, session, recorded);
        CheckSoftCap(state, session, charge);
        HoldAudit.CheckHardCap(state, session, model: "", charge, amended: null);
        TierAudit.Check(state, [.. session.Windows], recorded.TiersCrossed, charge);

        foreach (AuditAccount account in session.Windows) account.Charge(charge, overrun: default, state.Now);
        foreach (TierCrossing crossing in recorded.TiersCrossed)
            session.Windows.FirstOrDefault(
                account => account.Name == crossing.Grain
                    && account.Window == crossing.Window)?.Tell(crossing.AtPercent);
        session.ToolCalls += recorded.ToolCalls;
        BreakerAudit.CountCallOf(session, recorded.Sku, recorded.ToolArgumentsDigest);
        BreakerAudit.CountCharge(state, session, charge.Nanos);
        state.CheckLeft(recorded.Left, session, model: "");
    }

    private static void CheckCost(AuditState state, CostRecorded recorded)
    {
        if (recorded.PriceVersion != state.Prices.Version)
        {
            state.Find(
                AuditRule.RecordedCost,
                $"it has price version {recorded.PriceVersion}, and {state.Prices.Version} is in force");
            return;
        }

        Int128? product = state.Prices.UnitOf(recorded.Sku) * recorded.QuantityMillionths;
        if (product is null || recorded.QuantityMillionths <= 0)
        {
            state.Find(
                AuditRule.RecordedCost,
                $"{recorded.QuantityMillionths} millionths of '{recorded.Sku}' have no price");
            return;
        }

        // Half to even.
        (Int128 whole, Int128 rest) = Int128.DivRem(product.Value, PartsPerUnit);
        if (rest * 2 > PartsPerUnit || (rest * 2 == PartsPerUnit && Int128.IsOddInteger(whole))) whole++;
        if (whole != recorded.CostNanos)
            state.Find(AuditRule.RecordedCost, $"it costs {whole} nanos, and it charges {recorded.CostNanos}");
        Int128? unit = state.Prices.UnitOf(recorded.Sku);
        if (recorded.HasRate && recorded.Rate != unit)
            state.Find(AuditRule.RecordedCost, $"one costs {unit}: it says {recorded.Rate}");
    }

    private static void CheckToolCalls(AuditState state, AuditSession session, CostRecorded recorded)
    {
        bool isTool = state.Prices.IsTool(recorded.Sku);
        Int128 calls = isTool ? ((Int128)recorded.QuantityMillionths + PartsPerUnit - 1) / PartsPerUnit : 0;
        if (isTool && !session.AllowsTool(recorded.Sku))
            state.Find(AuditRule.HoldScope, $"tool '{recorded.Sku}' is out of scope");
        if (!isTool && recorded.ToolArgumentsDigest.Length > 0)
            state.Find(AuditRule.RecordedCost, $"'{recorded.Sku}' is no tool, and it was called with arguments");
        if (recorded.ToolCalls != calls)
            state.Find(AuditRule.GrantCeiling, $"it makes {calls} tool calls, and it says {recorded.ToolCalls}");
        else if (calls > 0 && session.ToolCalls + calls > session.Ceilings.ToolCalls)
            state.Find(AuditRule.GrantCeiling, $"all {session.Ceilings.ToolCalls} tool calls were made");
    }

    // There is no cheaper model to move to, so the use case decides.
    private static void CheckSoftCap(AuditState state, AuditSession session, AuditAmount charge)
    {
        if (session.UseCase.AllowWithoutCheaperModel) return;
        AuditAccount? above =
            session.Windows.FirstOrDefault(account => !account.SoftCap.Admits(account.Exposure, charge, before: null));
        if (above is not null)
            state.Find(AuditRule.Downgrade, $"it is above the soft cap of {above.Name}, where this use case refuses");
    }
}
