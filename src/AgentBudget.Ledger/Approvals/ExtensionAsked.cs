using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Approvals;

/// <summary>
/// A request for more than a budget has, and its answer once there is one.
/// <code>
/// PENDING ── DecideExtension ──► APPROVED (the budget is extended) ─┐
///    ├────── DecideExtension ──► REFUSED ───────────────────────────┼── retention ──► forgotten
///    └────── time ─────────────► EXPIRED ───────────────────────────┘
/// </code>
/// </summary>
internal sealed class ExtensionAsked
{
    public ExtensionAsked(LedgerEvent ledgerEvent, string principal, long timeNanos)
        : this(ledgerEvent.Sequence, ledgerEvent.ExtensionRequested, ledgerEvent.Spender, principal, timeNanos)
    {
    }

    public ExtensionAsked(ExtensionRequestState state)
        : this(state.Number, state.Asked, state.Spender, state.Principal, state.TimeNanos)
    {
        if (state.Decided is not null) Decide(state.Decided, state.DecidedBy, state.DecideNanos);
    }

    private ExtensionAsked(
        long number, ExtensionRequested asked, Spender? spender, string principal, long timeNanos)
    {
        (Number, Asked, Spender, Principal, TimeNanos) = (number, asked, spender, principal, timeNanos);
        Deadline = new Deadline(DeadlineKind.ExtensionRequest, this, number, Names.ExtensionRequest(number));
        RetentionDeadline = new Deadline(DeadlineKind.Retention, this, number, Names.ExtensionRequest(number));
    }

    /// <summary>The event that asked it.</summary>
    public long Number { get; }

    public ExtensionRequested Asked { get; }

    /// <summary>The session that needs it, by its path; null where none asked.</summary>
    public Spender? Spender { get; }

    /// <summary>Who asked.</summary>
    public string Principal { get; }

    public long TimeNanos { get; }

    /// <summary>The answer; null while it waits.</summary>
    public ExtensionDecided? Decided { get; private set; }

    public string DecidedBy { get; private set; } = "";

    public long DecideNanos { get; private set; }

    public bool IsPending => Decided is null;

    public ExtensionState State => Decided?.Decision ?? ExtensionState.Pending;

    /// <summary>When it expires unanswered.</summary>
    public Deadline Deadline { get; }

    /// <summary>When its answer is forgotten.</summary>
    public Deadline RetentionDeadline { get; }

    public void Decide(ExtensionDecided decided, string decidedBy, long timeNanos) =>
        (Decided, DecidedBy, DecideNanos) = (decided, decidedBy, timeNanos);

    public ExtensionRequestState ToState() => new()
    {
        Number = Number,
        Asked = Asked,
        Spender = Spender,
        Principal = Principal,
        TimeNanos = TimeNanos,
        Decided = Decided,
        DecidedBy = DecidedBy,
        DecideNanos = DecideNanos,
    };

    public ExtensionRequest ToMessage(string currency)
    {
        var message = new ExtensionRequest
        {
            ExtensionRequest_ = Names.ExtensionRequest(Number),
            Grain = Asked.Grain,
            Window = Asked.Window,
            AmountTokens = Asked.Tokens,
            ExpireTime = Asked.ExpireTime,
            Reason = Asked.Reason,
            Principal = Principal,
            Session = Spender?.Session ?? "",
            Agent = Spender?.Agent ?? "",
            UseCase = Spender?.UseCase ?? "",
            BusinessUnit = Spender?.BusinessUnit ?? "",
            OnBehalfOf = Spender?.OnBehalfOf ?? "",
            CreateTime = LogTime.ToTimestamp(TimeNanos),
            AnswerByTime = Asked.AnswerByTime,
            State = State,
            DecisionReason = Decided?.Reason ?? "",
            DecidedBy = DecidedBy,
            DecideTime = LogTime.ToOptionalTimestamp(DecideNanos),
            GrantedTokens = Decided?.Tokens ?? 0,
        };
        if (Asked.Nanos > 0) message.Amount = MoneyMath.ToMoney(Asked.Nanos, currency);
        if (Decided is { Nanos: > 0 }) message.Granted = MoneyMath.ToMoney(Decided.Nanos, currency);
        return message;
    }
}
