using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Disputes;

/// <summary>
/// Usage that no call could have had, until somebody decides: it is charged to its session and agent, and stands beside
/// what the accounts that others share have settled.
/// <code>
/// OPEN ── confirmed ──► settled on the shared accounts, as of then
///   └──── dismissed ──► credited to the session and the agent, where it is still counted
/// </code>
/// </summary>
internal sealed class Dispute
{
    /// <summary>What a settlement disputes.</summary>
    public Dispute(LedgerEvent ledgerEvent, long timeNanos)
    {
        ReservationSettled settled = ledgerEvent.ReservationSettled;
        Number = ledgerEvent.Sequence;
        Spender = ledgerEvent.Spender;
        Disputed = new Spend(settled.OverrunNanos, settled.OverrunTokens);
        TimeNanos = timeNanos;
        Model = settled.Model;
        PricedAs = settled.PricedAs;
        Tool = settled.Tool;
        Usage = settled.Usage;
    }

    public Dispute(DisputeState state)
    {
        Number = state.Number;
        Spender = state.Spender;
        Disputed = new Spend(state.CostNanos, state.Tokens);
        TimeNanos = state.TimeNanos;
        Model = state.Model;
        PricedAs = state.PricedAs;
        Tool = state.Tool;
        Usage = state.Usage;
    }

    /// <summary>The event that settled it.</summary>
    public long Number { get; }

    public Spender Spender { get; }

    /// <summary>What is in dispute: the charge above what was held for it.</summary>
    public Spend Disputed { get; }

    public long TimeNanos { get; }

    public string Model { get; }

    /// <summary>The model whose price was used, if it is another.</summary>
    public string PricedAs { get; }

    public string Tool { get; }

    /// <summary>All that was reported.</summary>
    public TokenUsage Usage { get; }

    public DisputeState ToState() => new()
    {
        Number = Number,
        Spender = Spender,
        CostNanos = Disputed.CostNanos,
        Tokens = Disputed.Tokens,
        TimeNanos = TimeNanos,
        Model = Model,
        PricedAs = PricedAs,
        Tool = Tool,
        Usage = Usage,
    };

    /// <summary>Whether it counts on a budget on models.</summary>
    public bool Concerns(ModelAccount family) => family.Counts(Model) || family.Counts(PricedAs);

    public Protocol.V1.Dispute ToMessage(string currency) => new()
    {
        Dispute_ = Names.Dispute(Number),
        Session = Spender.Session,
        Agent = Spender.Agent,
        UseCase = Spender.UseCase,
        BusinessUnit = Spender.BusinessUnit,
        OnBehalfOf = Spender.OnBehalfOf,
        Model = Model,
        Tool = Tool,
        Usage = Usage,
        Disputed = new Amount { Tokens = Disputed.Tokens, Cost = MoneyMath.ToMoney(Disputed.CostNanos, currency) },
        Time = LogTime.ToTimestamp(TimeNanos),
    };
}
