using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.BusinessUnits;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Reservations;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Ledger.UseCases;
using AgentBudget.Protocol.V1;
using Reservation = AgentBudget.Ledger.Reservations.Reservation;
using SessionOutcome = AgentBudget.Protocol.V1.Outcome;

namespace AgentBudget.Ledger.Sessions;

/// <summary>
/// One task of one agent, from its start to its end.
/// <code>
/// OPEN ── EndSession ──► ENDED ─┐
///  ▲ ├─── expiry ─────► EXPIRED ┼── grace ──► closed (holds released) ── retention ──► forgotten, or archived
///  │ │                          │              while one of its holds can be committed late
///  │ ├─── Revoke ─────► REVOKED ┘
///  │ └─── Suspend, breaker ──► SUSPENDED (ends like an open one)
///  └───── Resume, reset ───────────┘
/// </code>
/// </summary>
internal sealed partial class SessionAccount : Account
{
    /// <summary>After its end, calls in flight can still commit their holds for this long (30 s).</summary>
    internal const long GraceNanos = 30 * LogTime.NanosPerSecond;

    private readonly TenantAccount _tenant;
    private HoldTerms? _lastTerms;
    private SortedDictionary<long, ReservationSettled>? _expiryCharges;
    private SortedDictionary<long, ReservationSettled>? _settledParts;

    public SessionAccount(
        long number,
        Spender spender,
        SessionOpened opened,
        long openNanos,
        SessionAccount? parent,
        AgentAccount agent,
        UseCaseAccount useCase,
        BusinessUnitAccount businessUnit,
        TenantAccount tenant)
        : base(spender.Session, Reason.SessionCeiling)
    {
        Number = number;
        History = null;
        Parent = parent;
        Root = parent?.Root ?? this;
        Depth = parent is null ? 0 : parent.Depth + 1;
        Spender = spender;
        Opened = opened;
        OpenNanos = openNanos;
        ExpireNanos = LogTime.FromTimestamp(opened.ExpireTime);
        LifetimeEndNanos = LogTime.FromTimestamp(opened.LifetimeEndTime);
        Tools = new Scope(opened.Tools);
        Models = new Scope(opened.Models);
        Agent = agent;
        UseCase = useCase;
        BusinessUnit = businessUnit;
        _tenant = tenant;
        _path = PathOf(this, agent, useCase, businessUnit, tenant);
        // Of one instant, what was opened last comes first: subagents are over before what they were opened by.
        Deadline = new Deadline(DeadlineKind.Session, this, -number, Name);
        RetentionDeadline = new Deadline(DeadlineKind.Retention, this, -number, Name);
        NarrowCeilings();
    }

    public long Number { get; }

    /// <summary>The path by names; one message shared by every event of this session.</summary>
    public Spender Spender { get; }

    public SessionOpened Opened { get; }

    public long OpenNanos { get; }

    public long LifetimeEndNanos { get; }

    public AgentAccount Agent { get; }

    public UseCaseAccount UseCase { get; }

    public BusinessUnitAccount BusinessUnit { get; }

    public Scope Tools { get; }

    public Scope Models { get; }

    /// <summary>Its own, narrowed to what the agent and the parent have now.</summary>
    public SessionCeilings Ceilings { get; private set; }

    public Session.Types.State State { get; private set; } = Session.Types.State.Open;

    public long ExpireNanos { get; private set; }

    public long EndNanos { get; private set; }

    public long GraceEndNanos { get; private set; }

    public SessionOutcome? Outcome { get; private set; }

    public string EndReason { get; private set; } = "";

    /// <summary>Expiry while open, end of the grace after.</summary>
    public Deadline Deadline { get; }

    public Deadline RetentionDeadline { get; }

    public RequestLogs Requests { get; private set; } = new();

    /// <summary>Its holds that were given back; null while there were none.</summary>
    public RetiredHolds? Retired { get; private set; }

    public long Steps { get; private set; }

    public long ToolCalls { get; private set; }

    public long Refused { get; private set; }

    /// <summary>How many holds it has. The table of holds keeps this and <see cref="LastHeld"/>.</summary>
    public int OpenHolds { get; set; }

    /// <summary>Where the table of holds has the newest of them.</summary>
    public int LastHeld { get; set; } = ReservationTable.None;

    /// <summary>Neither ended, expired nor revoked; it may be suspended.</summary>
    public bool IsOpen => State is Session.Types.State.Open or Session.Types.State.Suspended;

    /// <summary>Answers why this session may not spend at all, or none.</summary>
    public Reason CheckState() => State switch
    {
        Session.Types.State.Open => Reason.Unspecified,
        Session.Types.State.Unspecified or Session.Types.State.Ended => Reason.SessionClosed,
        Session.Types.State.Expired => Reason.SessionExpired,
        Session.Types.State.Revoked => Reason.SessionRevoked,
        Session.Types.State.Suspended => Reason.SessionSuspended,
    };

    /// <summary>Whether the request was handled before in this session. Its keys live as long as it is known.</summary>
    public bool TryAnswer(in AskedRequest asked, out Answer answer) =>
        Requests.TryAnswer(asked, forgetBeforeNanos: long.MinValue, out answer);

    /// <summary>Answers the refusal of the first session, from itself upwards, that may not spend; or none.</summary>
    public Refusal CheckOpen()
    {
        for (SessionAccount? owner = this; owner is not null; owner = owner.Parent)
        {
            Reason reason = owner.CheckState();
            if (reason != Reason.Unspecified) return new Refusal(reason, owner.Name);
        }

        return default;
    }

    /// <summary>Answers the refusal of the first session, from itself upwards, that is stopped; or none.</summary>
    public Refusal CheckSuspension()
    {
        if (CheckOpen() is { IsRefused: true } refusal) return refusal;
        for (SessionAccount? owner = this; owner is not null; owner = owner.Parent)
        {
            Reason reason = owner.Agent.CheckStanding(owner.Spender.OnBehalfOf);
            if (reason != Reason.Unspecified) return new Refusal(reason, owner.Agent.Name);
        }

        return default;
    }

    /// <summary>Answers the refusal of a tool outside the scope of this session or of one above it; or none.</summary>
    public Refusal CheckTool(string tool)
    {
        for (SessionAccount? owner = this; owner is not null; owner = owner.Parent)
        {
            if (!owner.Tools.Allows(tool)) return new Refusal(Reason.ToolOutOfScope, owner.Name) { Subject = tool };
            if (!owner.Agent.Tools.Allows(tool))
                return new Refusal(Reason.ToolOutOfScope, owner.Agent.Name) { Subject = tool };
        }

        return default;
    }

    /// <summary>Answers the refusal of a model outside the scope of this session or of one above it; or none.</summary>
    public Refusal CheckModel(string model)
    {
        for (SessionAccount? owner = this; owner is not null; owner = owner.Parent)
        {
            if (!owner.Models.Allows(model)) return new Refusal(Reason.ModelOutOfScope, owner.Name) { Subject = model };
            if (!owner.Agent.Models.Allows(model))
                return new Refusal(Reason.ModelOutOfScope, owner.Agent.Name) { Subject = model };
        }

        return default;
    }

    /// <summary>
    /// Answers the refusal of the session's own counted ceilings, or none; its cost and tokens are a budget.
    /// </summary>
    public Refusal CheckRequest(in Spend spend) => spend.Tokens > Ceilings.TokensPerRequest
        ? new Refusal(Reason.RequestCeiling, Name)
        {
            Unit = ReservationRefused.Types.Unit.Tokens,
            Limit = Ceilings.TokensPerRequest,
            Requested = spend.Tokens,
        }
        : default;

    /// <summary>Answers the refusal of one more step, if it is one, or of so many tool calls, or none.</summary>
    public Refusal CheckStep(bool isStep, long toolCalls)
    {
        if (isStep && Steps >= Ceilings.Steps)
            return Counted(ReservationRefused.Types.Unit.Steps, Ceilings.Steps, Steps);
        return toolCalls > 0 ? CheckToolCalls(toolCalls) : default;
    }

    /// <summary>Answers the refusal of so many more tool calls, or none.</summary>
    public Refusal CheckToolCalls(long toolCalls) => toolCalls > Ceilings.ToolCalls - ToolCalls
        ? Counted(ReservationRefused.Types.Unit.ToolCalls, Ceilings.ToolCalls, ToolCalls, toolCalls)
        : default;

    /// <summary>Answers the refusal of one more open hold, or none.</summary>
    public Refusal CheckOpenHolds() => OpenHolds < Ceilings.OpenHolds
        ? default
        : new Refusal(Reason.SessionCeiling, Name)
        {
            Unit = ReservationRefused.Types.Unit.OpenHolds,
            Limit = Ceilings.OpenHolds,
            Held = OpenHolds,
            Requested = 1,
        };

    /// <summary>
    /// Takes the present ceilings of agent and parent into account: a session never has more than they have. And the
    /// budgets on models that are on its path now.
    /// </summary>
    public void NarrowCeilings()
    {
        SetFamilies();
        Ceilings = SessionCeilings.From(Opened.Ceilings).NarrowedTo(Agent.Ceilings);
        if (Parent is not null) Ceilings = Ceilings.NarrowedToParent(Parent.Ceilings);
        Window.SetLimits(Ceilings.BudgetNanos, Ceilings.Tokens);
    }

    public void CountStep(bool isStep, long toolCalls)
    {
        if (isStep) Steps++;
        ToolCalls += toolCalls;
    }

    public void CountToolCall() => ToolCalls++;

    public void Renew(long expireNanos) => ExpireNanos = expireNanos;

    public void End(
        Session.Types.State state, long endNanos, long graceEndNanos, SessionOutcome? outcome, string reason)
    {
        Invariant.Holds(IsOpen);
        Invariant.Holds(graceEndNanos >= endNanos);
        State = state;
        Ending = null;
        SuspendedBy = 0;
        EndNanos = endNanos;
        GraceEndNanos = graceEndNanos;
        Outcome = outcome;
        EndReason = reason;
    }

    public void Close() => GraceEndNanos = 0;

    /// <summary>The terms of a hold; most are those of the hold before.</summary>
    public HoldTerms TermsOf(
        string model, PriceBook book, ServiceTier serviceTier, string tool, string region, string principal)
    {
        if (_lastTerms is null || !_lastTerms.Are(model, book, serviceTier, tool, region, principal))
            _lastTerms = new HoldTerms(model, book, serviceTier, tool, region, principal);
        return _lastTerms;
    }

    public void Retire(in Reservation reservation, long nowNanos)
    {
        Retired ??= new RetiredHolds();
        Retired.Add(reservation, nowNanos);
    }

    /// <summary>What is known of a hold that was given back; false if there was none or it is forgotten.</summary>
    public bool TryFindRetired(long number, long nowNanos, out Reservation retired)
    {
        retired = default;
        if (Retired is null || !Retired.TryFind(number, nowNanos, out RetiredHold hold)) return false;
        retired = new Reservation(this, hold, Retired.Terms[(int)hold.Terms]);
        return true;
    }

    /// <summary>What was charged as this hold's time ran out, where no commit has named it since.</summary>
    public ReservationSettled? ExpiryChargeOf(long number) => _expiryCharges?.GetValueOrDefault(number);

    /// <summary>A hold was charged as its time ran out. A commit takes back what is kept here.</summary>
    public void KeepExpiryCharge(ReservationSettled settled) =>
        (_expiryCharges ??= []).Add(settled.Reservation, SettledSoFar.Of(settled));

    /// <summary>What commits settled of a hold in parts, of which more may come.</summary>
    public ReservationSettled? SettledPartsOf(long number) => _settledParts?.GetValueOrDefault(number);

    /// <summary>A commit settled a hold, or a part of it, and took back what it says.</summary>
    public void CountSettled(ReservationSettled settled)
    {
        ReservationSettled? before = settled.Cumulative ? null : SettledPartsOf(settled.Reservation);
        if (settled.ExpiryCharge is not null || settled.Cumulative) _expiryCharges?.Remove(settled.Reservation);
        _settledParts?.Remove(settled.Reservation);
        if (settled.Final) return;
        ReservationSettled? all = SettledSoFar.Plus(before, SettledSoFar.Of(settled));
        (_settledParts ??= []).Add(settled.Reservation, all!);
    }

    /// <summary>What was settled in parts of holds that are known.</summary>
    public IEnumerable<ReservationSettled> SettledParts(Func<long, bool> isKnown) =>
        (_settledParts ?? []).Values.Where(parts => isKnown(parts.Reservation));

    /// <summary>What was charged of holds that a commit can still name.</summary>
    public IEnumerable<ReservationSettled> ExpiryCharges(long nowNanos) =>
        (_expiryCharges ?? []).Values.Where(charge => TryFindRetired(charge.Reservation, nowNanos, out _));

    /// <summary>Whether one of its holds can be committed late.</summary>
    public bool HasRetired(long nowNanos) => Retired?.Without(WasSettled, nowNanos) is not null;

    /// <summary>Whether a hold of it was settled for good.</summary>
    public bool WasSettled(long number) => Requests.WasSettled(number, asker: null);

    /// <summary>Forgets all but the holds that can still be committed late.</summary>
    public void Archive(long nowNanos)
    {
        Retired = Retired?.Without(WasSettled, nowNanos);
        Requests = new RequestLogs();
        KeepCharges(
            [.. ExpiryCharges(nowNanos)], [.. SettledParts(number => TryFindRetired(number, nowNanos, out _))]);
    }

    /// <summary>Forgets those too.</summary>
    public void ForgetRetired()
    {
        Retired = null;
        _expiryCharges = null;
        _settledParts = null;
    }

    private void KeepCharges(IEnumerable<ReservationSettled> ofExpiry, IEnumerable<ReservationSettled> ofParts)
    {
        _expiryCharges = null;
        _settledParts = null;
        foreach (ReservationSettled charge in ofExpiry) (_expiryCharges ??= []).Add(charge.Reservation, charge);
        foreach (ReservationSettled parts in ofParts) (_settledParts ??= []).Add(parts.Reservation, parts);
    }

    private Refusal Counted(ReservationRefused.Types.Unit unit, long limit, long count, long requested = 1) =>
        new(Reason.StepCeiling, Name) { Unit = unit, Limit = limit, Settled = count, Requested = requested };

    /// <summary>Takes counters back from a snapshot.</summary>
    public void Restore(Protocol.Snapshot.V1.SessionState state, IReadOnlyDictionary<long, PriceBook> books)
    {
        State = state.State;
        ExpireNanos = state.ExpireNanos;
        EndNanos = state.EndNanos;
        GraceEndNanos = state.GraceEndNanos;
        Outcome = state.Outcome;
        EndReason = state.Reason;
        Steps = state.Steps;
        ToolCalls = state.ToolCalls;
        Refused = state.Refused;
        Subagents = state.Subagents;
        Ending = state.Ending;
        SuspendedBy = state.SuspendedBy;
        BreakerCounts = state.Breakers is null ? null : BreakerCounts.Restore(state.Breakers);
        Window.Restore(state.Budget);
        Requests.Restore(state.RequestLogs, state.Requests);
        Retired = RetiredHolds.Restore(state.Retired, books);
        KeepCharges(state.ExpiryCharges, state.SettledParts);
    }

    public Session ToMessage(string currency)
    {
        var message = new Session
        {
            Session_ = Name,
            State = State,
            Agent = Agent.Name,
            UseCase = UseCase.Name,
            BusinessUnit = BusinessUnit.Name,
            Task = Opened.Task,
            OnBehalfOf = Spender.OnBehalfOf,
            Unattended = Opened.Unattended,
            OpenTime = LogTime.ToTimestamp(OpenNanos),
            ExpireTime = LogTime.ToTimestamp(ExpireNanos),
            LifetimeEndTime = LogTime.ToTimestamp(LifetimeEndNanos),
            EndTime = LogTime.ToOptionalTimestamp(EndNanos),
            Ceilings = Ceilings.ToMessage(currency),
            Outcome = Outcome,
            Settled = ToAmount(Window.LifetimeNanos, Window.LifetimeTokens),
            Held = ToAmount(Window.HeldNanos, Window.HeldTokens),
            Steps = Steps,
            Reason = EndReason,
            Parent = Spender.Parent,
            Run = Root.Name,
            Depth = Depth,
            Subagents = Subagents,
            OpenSubagents = OpenSubagents,
            SuspendedBy = SuspendedBy == 0 ? "" : Names.Session(SuspendedBy),
            Confirmation = Opened.Confirmation,
            UserProof = Opened.UserProof,
            Credential = Opened.Credentials.Count > 0 ? Names.Credential(Opened.Credentials[0]) : "",
        };
        message.Tools.Add(Opened.Tools);
        message.Models.Add(Opened.Models);
        message.Tags.Add(Opened.Tags);
        return message;

        Amount ToAmount(Int128 nanos, Int128 tokens) =>
            new() { Cost = MoneyMath.ToMoney(nanos, currency), Tokens = WideSum.Capped(tokens) };
    }
}
