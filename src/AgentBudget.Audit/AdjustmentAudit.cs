using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Resets of a window by hand, credits and debits.</summary>
internal static class AdjustmentAudit
{
    public static void Reset(AuditState state, BudgetReset reset)
    {
        AuditAccount window = state.WindowOf(reset.Grain, reset.Window);
        if (!window.IsInCatalog || !window.HasLimit)
            state.Find(AuditRule.Extension, $"{reset.Grain} has no budget in the catalog that could be reset");
        BudgetAudit.CheckBalance(state, window, reset.Before, "before");
        window.StartOver(state.GetOrAddAccount(reset.Grain).History, state.Now);
        BudgetAudit.CheckBalance(state, window, reset.After, "after");
    }

    public static void Adjust(AuditState state, SpendAdjusted adjusted)
    {
        if (adjusted.Rerating is { } rerating) CheckRerating(state, rerating);
        if (adjusted.Reservation > 0) CheckReservation(state, adjusted);
        else if (adjusted.Rerating is null && adjusted.Lines.Count != 1)
            state.Find(AuditRule.Adjustment, "a correction by hand has one line");
        bool isTimeRight = adjusted.SettleTime is not { } settled
            || (adjusted.Reservation > 0 && AuditNumbers.NanosOf(settled) <= state.Now);
        if (!isTimeRight) state.Find(AuditRule.Adjustment, "it corrects what was settled later, or nothing that was");
        Dictionary<AuditAccount, AuditAmount> moves = [];
        foreach (AdjustmentLine line in adjusted.Lines) AddMoves(state, line, moves);
        AuditAccount? shown = adjusted.Before is null
            ? null
            : moves.Keys.FirstOrDefault(account => account.Name == adjusted.Before.Grain);
        if (adjusted.Before is not null && shown is null)
            state.Find(AuditRule.Adjustment, $"it shows {adjusted.Before.Grain}, which it does not move");
        if (shown is not null) BudgetAudit.CheckBalance(state, shown, adjusted.Before, "before");
        foreach ((AuditAccount account, AuditAmount move) in moves) Move(state, account, move, adjusted.TiersCrossed);
        if (shown is not null) BudgetAudit.CheckBalance(state, shown, adjusted.After, "after");
    }

    private static void Move(
        AuditState state, AuditAccount account, AuditAmount move, IReadOnlyList<TierCrossing> crossed)
    {
        AuditAmount up = move.AboveZero();
        AuditAmount down = (default(AuditAmount) - move).AboveZero();
        bool isTooMuch = down.Nanos > account.Lifetime.Nanos || down.Tokens > account.Lifetime.Tokens;
        if (isTooMuch && state.IsEventClean)
        {
            state.Find(
                AuditRule.Adjustment, $"{account.Name} settled {account.Lifetime} ever, and {down} are credited on it");
        }

        foreach (AuditAccount window in account.Windows)
        {
            if (up != default && window.Steps.Count > 0) TierAudit.Check(state, window, crossed, up);
            if (down != default) window.Lower(down);
            if (up != default) window.Charge(up, up, state.Now);
        }

        foreach (TierCrossing crossing in crossed.Where(crossing => crossing.Grain == account.Name))
            account.Windows.FirstOrDefault(window => window.Window == crossing.Window)?.Tell(crossing.AtPercent);
    }

    private static void AddMoves(
        AuditState state, AdjustmentLine line, Dictionary<AuditAccount, AuditAmount> moves)
    {
        if (!line.Grains.Contains(state.Tenant.Name))
            state.Find(AuditRule.Adjustment, "a line moves a path, and the tenant is on every one");
        string[] missed = [.. line.Grains.Where(name => state.Accounts.GetValueOrDefault(name)?.Of is { } of
            && !line.Grains.Contains(of.Name))];
        if (missed.Length > 0)
            state.Find(AuditRule.Adjustment, $"a line that moves {missed[0]} moves what that is a part of");
        string[] skipped = [.. FamiliesOf(state, line).Where(name => !line.Grains.Contains(name))];
        if (skipped.Length > 0)
            state.Find(AuditRule.Adjustment, $"a line of {line.Model} moves {skipped[0]}, which counts it");
        if (line.Grains.Distinct().Count() < line.Grains.Count)
            state.Find(AuditRule.Adjustment, "a line moves a grain once");
        string unit = UnitOf(state, line);
        if (unit.Length > 0 && !line.Grains.Contains(unit))
            state.Find(AuditRule.Adjustment, $"a line that moves a use case moves {unit}, which pays for it");
        foreach (string name in line.Grains)
        {
            AuditAccount? account = state.Sessions.TryGetValue(name, out AuditSession? session)
                ? session.Own
                : state.Accounts.GetValueOrDefault(name);
            if (account is null)
            {
                state.Find(AuditRule.Adjustment, $"it moves {name}, which is not there");
                continue;
            }

            moves[account] = moves.GetValueOrDefault(account) + new AuditAmount(line.Nanos, line.Tokens);
        }
    }

    private static IEnumerable<string> FamiliesOf(AuditState state, AdjustmentLine line) => line.Grains
        .SelectMany(name => state.Accounts.GetValueOrDefault(name)?.Families ?? [])
        .Where(family => family.CountsModel(line.Model))
        .Select(family => family.Name);

    private static string UnitOf(AuditState state, AdjustmentLine line)
    {
        if (line.Spender is { Agent.Length: > 0 } spender) return spender.BusinessUnit;
        string? useCase = line.Grains.FirstOrDefault(name => name.StartsWith("useCases/", StringComparison.Ordinal));
        return useCase is not null && state.UseCases.TryGetValue(useCase, out UseCase? known)
            ? "businessUnits/" + known.BusinessUnit
            : "";
    }

    // A reservation is never credited more than it settled, all its adjustments together.
    private static void CheckReservation(AuditState state, SpendAdjusted adjusted)
    {
        var settled = new AuditAmount(adjusted.SettledNanos, adjusted.SettledTokens);
        AuditAmount by = adjusted.Lines.Count == 1
            ? new AuditAmount(adjusted.Lines[0].Nanos, adjusted.Lines[0].Tokens)
            : default;
        AuditAmount former = state.Adjusted.GetValueOrDefault(adjusted.Reservation);
        AuditAmount charged = settled - former;
        bool isWithin = settled.Nanos + by.Nanos >= 0 && settled.Tokens + by.Tokens >= 0;
        if (adjusted.Lines.Count != 1 || !isWithin || charged.Nanos < 0 || charged.Tokens < 0)
        {
            state.Find(
                AuditRule.Adjustment,
                $"r{adjusted.Reservation} settled {charged}, was adjusted by {former} and is by {by}");
        }

        state.Adjusted[adjusted.Reservation] = former + by;
    }

    private static void CheckRerating(AuditState state, Rerating rerating)
    {
        if (rerating.PriceVersion < 1 || rerating.PriceVersion > state.Prices.Version)
            state.Find(AuditRule.Adjustment, $"it is rated at price version {rerating.PriceVersion}, which never was");
        Int128? start = AuditNumbers.OptionalNanosOf(rerating.StartTime);
        Int128? end = AuditNumbers.OptionalNanosOf(rerating.EndTime);
        if (start is null || end is null || start >= end || end > state.Now)
            state.Find(AuditRule.Adjustment, "what is rated again is a time that has passed");
    }
}
