using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.Snapshot.V1;

namespace AgentBudget.Ledger.Budgets;

// A window as a snapshot has it.
internal sealed partial class Window
{
    public BudgetState ToState()
    {
        var state = new BudgetState
        {
            Grain = Account,
            PeriodEndNanos = PeriodEndNanos,
            ExtensionNanos = ExtensionNanos,
            ExtensionTokens = ExtensionTokens,
            ExtensionEndNanos = ExtensionEndNanos,
            SettledNanos = WideSum.Low(SettledNanos),
            SettledNanosHigh = WideSum.High(SettledNanos),
            SettledTokens = WideSum.Low(SettledTokens),
            SettledTokensHigh = WideSum.High(SettledTokens),
            OverrunNanos = WideSum.Low(OverrunNanos),
            OverrunNanosHigh = WideSum.High(OverrunNanos),
            OverrunTokens = WideSum.Low(OverrunTokens),
            OverrunTokensHigh = WideSum.High(OverrunTokens),
            LifetimeNanos = WideSum.Low(LifetimeNanos),
            LifetimeNanosHigh = WideSum.High(LifetimeNanos),
            LifetimeTokens = WideSum.Low(LifetimeTokens),
            LifetimeTokensHigh = WideSum.High(LifetimeTokens),
            DisputedNanos = WideSum.Low(DisputedNanos),
            DisputedNanosHigh = WideSum.High(DisputedNanos),
            DisputedTokens = WideSum.Low(DisputedTokens),
            DisputedTokensHigh = WideSum.High(DisputedTokens),
            StartNanos = StartNanos,
            NotifiedPercent = NotifiedPercent,
            Window = Name,
            CarriedNanos = CarriedNanos,
            CarriedTokens = CarriedTokens,
        };
        if (_rolling is not null) state.Steps.Add(_rolling.ToState());
        return state;
    }

    /// <summary>
    /// Takes back what <see cref="ToState"/> gave; limits come from the catalog, holds from the reservations.
    /// </summary>
    public void Restore(BudgetState state)
    {
        PeriodEndNanos = state.PeriodEndNanos;
        CarriedNanos = state.CarriedNanos;
        CarriedTokens = state.CarriedTokens;
        _rolling?.Restore(state.Steps);
        SettledNanos = WideSum.Of(state.SettledNanos, state.SettledNanosHigh);
        SettledTokens = WideSum.Of(state.SettledTokens, state.SettledTokensHigh);
        OverrunNanos = WideSum.Of(state.OverrunNanos, state.OverrunNanosHigh);
        OverrunTokens = WideSum.Of(state.OverrunTokens, state.OverrunTokensHigh);
        LifetimeNanos = WideSum.Of(state.LifetimeNanos, state.LifetimeNanosHigh);
        LifetimeTokens = WideSum.Of(state.LifetimeTokens, state.LifetimeTokensHigh);
        DisputedNanos = WideSum.Of(state.DisputedNanos, state.DisputedNanosHigh);
        DisputedTokens = WideSum.Of(state.DisputedTokens, state.DisputedTokensHigh);
        StartNanos = state.StartNanos;
        Extend(state.ExtensionNanos, state.ExtensionTokens, state.ExtensionEndNanos);
        NotifiedPercent = state.NotifiedPercent;
    }

    public void RestoreStartedOver(SpendHistoryState state)
    {
        StartedOver = new SpendHistory();
        StartedOver.Restore(state);
    }

    /// <summary>
    /// Puts a restored hold back without asking the caps: a limit may have been lowered below it since.
    /// </summary>
    public void RestoreHold(in Spend spend)
    {
        HeldNanos += spend.CostNanos;
        HeldTokens += spend.Tokens;
    }
}
