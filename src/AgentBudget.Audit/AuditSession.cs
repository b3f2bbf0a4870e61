using AgentBudget.Protocol.V1;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Audit;

/// <summary>Ceilings of a session; null does not limit.</summary>
internal sealed record AuditCeilings(
    Int128? TokensPerRequest,
    AuditLimit Budget,
    Int128? Steps,
    Int128? ToolCalls,
    Int128? OpenHolds,
    Int128? RunCost,
    Int128? Subagents,
    Int128? ConcurrentSubagents,
    Int128? Depth)
{
    /// <summary>Open holds of one session where its agent's catalog entry says nothing.</summary>
    public const long OpenHoldsOtherwise = 1000;

    public static AuditCeilings From(Ceilings? ceilings) => ceilings is null
        ? new AuditCeilings(null, default, null, null, null, null, null, null, null)
        : new AuditCeilings(
            ceilings.HasTokensPerRequest ? ceilings.TokensPerRequest : null,
            new AuditLimit(
                AuditNumbers.OptionalNanosOf(ceilings.CostPerSession),
                ceilings.HasTokensPerSession ? ceilings.TokensPerSession : null),
            ceilings.HasStepsPerSession ? ceilings.StepsPerSession : null,
            ceilings.HasToolCallsPerSession ? ceilings.ToolCallsPerSession : null,
            ceilings.HasOpenHolds ? ceilings.OpenHolds : null,
            AuditNumbers.OptionalNanosOf(ceilings.Run?.Cost),
            ceilings.Run is { HasSubagents: true } ? ceilings.Run.Subagents : null,
            ceilings.Run is { HasConcurrentSubagents: true } ? ceilings.Run.ConcurrentSubagents : null,
            ceilings.Run is { HasDepth: true } ? ceilings.Run.Depth : null);

    public static AuditCeilings OfAgent(Ceilings? ceilings)
    {
        AuditCeilings own = From(ceilings);
        return own with { OpenHolds = own.OpenHolds ?? OpenHoldsOtherwise };
    }

    /// <summary>The lower of each.</summary>
    public static AuditCeilings Min(AuditCeilings left, AuditCeilings right) => new(
        AuditNumbers.Min(left.TokensPerRequest, right.TokensPerRequest),
        AuditLimit.Min(left.Budget, right.Budget),
        AuditNumbers.Min(left.Steps, right.Steps),
        AuditNumbers.Min(left.ToolCalls, right.ToolCalls),
        AuditNumbers.Min(left.OpenHolds, right.OpenHolds),
        AuditNumbers.Min(left.RunCost, right.RunCost),
        AuditNumbers.Min(left.Subagents, right.Subagents),
        AuditNumbers.Min(left.ConcurrentSubagents, right.ConcurrentSubagents),
        AuditNumbers.Min(left.Depth, right.Depth));

    /// <summary>The same without the ceilings of the tree below.</summary>
    public AuditCeilings WithoutRun() =>
        this with { RunCost = null, Subagents = null, ConcurrentSubagents = null, Depth = null };
}

/// <summary>A session that may still be named by an event.</summary>
internal sealed class AuditSession
{
    private readonly AuditCeilings _asked;
    private readonly AuditAccount[] _above;

    public AuditSession(
        Spender spender,
        SessionOpened opened,
        AuditSession? parent,
        AuditAgent agent,
        UseCase useCase,
        AuditAccount[] above)
    {
        Spender = spender;
        Opened = opened;
        Agent = agent;
        UseCase = useCase;
        Own = new AuditAccount(spender.Session) { IsInCatalog = true };
        Lineage = parent is null ? [this] : [this, .. parent.Lineage];
        _above = above;
        Tools = new AuditScope(opened.Tools);
        Models = new AuditScope(opened.Models);
        ExpireNanos = opened.ExpireTime is null ? 0 : AuditNumbers.NanosOf(opened.ExpireTime);
        LifetimeEndNanos = opened.LifetimeEndTime is null ? 0 : AuditNumbers.NanosOf(opened.LifetimeEndTime);
        _asked = AuditCeilings.From(opened.Ceilings);
        Ceilings = _asked;
        Narrow();
    }

    /// <summary>Its path by names, as it was opened.</summary>
    public Spender Spender { get; }

    public SessionOpened Opened { get; }

    public AuditAgent Agent { get; set; }

    public UseCase UseCase { get; set; }

    public AuditAccount Own { get; }

    /// <summary>Itself, its parent, and so on to the root of the run.</summary>
    public IReadOnlyList<AuditSession> Lineage { get; }

    public AuditSession? Parent => Lineage.Count > 1 ? Lineage[1] : null;

    public int Depth => Lineage.Count - 1;

    /// <summary>Its lineage, then agent, use case, business unit, tenant, then their budgets of its user.</summary>
    public IEnumerable<AuditAccount> Path => [.. Lineage.Select(session => session.Own), .. _above, .. UserAccounts];

    /// <summary>Every window of every account of the path: what a spend has to fit.</summary>
    public IEnumerable<AuditAccount> Windows => Path.SelectMany(account => account.Windows);

    /// <summary>The budgets of its user.</summary>
    public IReadOnlyList<AuditAccount> UserAccounts { get; set; } = [];

    /// <summary>The budgets on models of agent, use case, business unit and tenant.</summary>
    public IEnumerable<AuditAccount> Families => _above.SelectMany(account => account.Families);

    /// <summary>The path of a call on a model: with the budgets on it.</summary>
    public IEnumerable<AuditAccount> PathOf(string model) =>
        Path.Concat(Families.Where(family => family.CountsModel(model)));

    /// <summary>Every window of that path.</summary>
    public IEnumerable<AuditAccount> WindowsOf(string model) => PathOf(model).SelectMany(account => account.Windows);

    /// <summary>Agent, use case, business unit, tenant.</summary>
    public IReadOnlyList<AuditAccount> Above => _above;

    public AuditAccount AgentAccount => _above[0];

    public AuditAccount UseCaseAccount => _above[1];

    public AuditAccount BusinessUnitAccount => _above[2];

    public AuditAccount TenantAccount => _above[3];

    /// <summary>Open sessions that it opened itself.</summary>
    public HashSet<AuditSession> OpenChildren { get; } = [];

    /// <summary>Sessions that were opened below it, and those of them that are open.</summary>
    public long Subagents { get; set; }

    public long OpenSubagents { get; set; }

    /// <summary>
    /// The session above it whose end is to take it along before anything else happens, and how that ended.
    /// </summary>
    public AuditSession? EndsWith { get; set; }

    /// <summary>Its agent, credential, access token or user, whose end it is due to end with.</summary>
    public string EndsWithName { get; set; } = "";

    public AuditScope Tools { get; }

    public AuditScope Models { get; }

    public AuditCeilings Ceilings { get; private set; }

    public State State { get; set; } = State.Open;

    public Int128 ExpireNanos { get; set; }

    public Int128 LifetimeEndNanos { get; }

    public Int128 GraceEndNanos { get; set; }

    public bool IsClosed { get; set; }

    public Outcome? Outcome { get; set; }

    public long Steps { get; set; }

    public long ToolCalls { get; set; }

    public long Refused { get; set; }

    /// <summary>Reservations that are held.</summary>
    public HashSet<long> OpenHolds { get; } = [];

    /// <summary>Reservations that are settled.</summary>
    public HashSet<long> SettledHolds { get; } = [];

    /// <summary>Reservations that can be committed late, and since when nothing is held of them.</summary>
    public Dictionary<long, Int128> GivenBack { get; } = [];

    public AuditRequests Requests { get; private set; } = new();

    /// <summary>It is over for longer than requests can be repeated.</summary>
    public bool IsArchived { get; private set; }

    /// <summary>Until when it is kept for late commits.</summary>
    public Int128 KeptUntil { get; set; }

    public bool IsOpen => State is State.Open or State.Suspended;

    /// <summary>The session whose breaker suspended it; null for none.</summary>
    public AuditSession? SuspendedBy { get; set; }

    /// <summary>What its agent's breakers see of it.</summary>
    public AuditWatch Watch { get; } = new();

    /// <summary>Forgets what was asked and settled. A second time it changes nothing.</summary>
    public void Archive()
    {
        if (IsArchived) return;
        IsArchived = true;
        Requests = new AuditRequests();
        SettledHolds.Clear();
    }

    /// <summary>A session never has more than its agent and its parent have at the time.</summary>
    public void Narrow()
    {
        Ceilings = AuditCeilings.Min(_asked, Agent.Ceilings);
        if (Parent is not null) Ceilings = AuditCeilings.Min(Ceilings, Parent.Ceilings.WithoutRun());
        Own.SetLimit(Ceilings.Budget with { Nanos = AuditNumbers.Min(Ceilings.Budget.Nanos, Ceilings.RunCost) });
    }

    /// <summary>Whether this session and all above it may use a tool.</summary>
    public bool AllowsTool(string tool) =>
        Lineage.All(session => session.Tools.Allows(tool) && session.Agent.Tools.Allows(tool));

    /// <summary>Whether this session and all above it may use a model.</summary>
    public bool AllowsModel(string model) =>
        Lineage.All(session => session.Models.Allows(model) && session.Agent.Models.Allows(model));
}

/// <summary>An agent as a catalog describes it.</summary>
internal sealed class AuditAgent(Agent agent)
{
    private static readonly Int128 TtlOtherwise = AuditNumbers.Hour;
    private static readonly Int128 LifetimeOtherwise = 24 * AuditNumbers.Hour;

    public string BusinessUnit => agent.BusinessUnit;

    public AuditScope Tools { get; } = new(agent.Tools);

    public AuditScope Models { get; } = new(agent.Models);

    public AuditCeilings Ceilings { get; } = AuditCeilings.OfAgent(agent.Ceilings);

    public Int128 TtlNanos { get; } = agent.SessionTtl is null ? TtlOtherwise : AuditNumbers.NanosOf(agent.SessionTtl);

    public Int128 LifetimeNanos { get; } =
        agent.SessionLifetime is null ? LifetimeOtherwise : AuditNumbers.NanosOf(agent.SessionLifetime);

    /// <summary>What watches its sessions; null for nothing.</summary>
    public Breakers? Breakers { get; } =
        agent.Breakers is { SameToolCall: null, BurnRate: null, StepsWithoutOutcome: null, Refusals: null }
            ? null
            : agent.Breakers;

    /// <summary>How many of its sessions may be suspended within an hour, and what is then; null for any.</summary>
    public (Int128 Times, BreakerMode Mode)? SuspendedSessions { get; } = SuspendedSessionsOf(agent.Breakers);

    /// <summary>The same of each of its users.</summary>
    public (Int128 Times, BreakerMode Mode)? SuspendedSessionsOfUser { get; } =
        RuleOf(agent.Breakers?.SuspendedSessionsOfUser);

    /// <summary>How many refusals of all its sessions there may be within a minute, and what is then.</summary>
    public (Int128 Times, BreakerMode Mode)? RefusalsOfAgent { get; } = RuleOf(agent.Breakers?.RefusalsOfAgent);

    /// <summary>The same of what is charged to them, in nanos.</summary>
    public (Int128 Times, BreakerMode Mode)? BurnRateOfAgent { get; } =
        AuditNumbers.OptionalNanosOf(agent.Breakers?.BurnRateOfAgent?.CostPerMinute) is { } nanos
            ? (nanos, ModeOf(agent.Breakers!.BurnRateOfAgent.Mode))
            : null;

    private static (Int128 Times, BreakerMode Mode)? RuleOf(CountBreaker? given) => given is null
        ? null
        : (given.Times, ModeOf(given.Mode));

    private static BreakerMode ModeOf(BreakerMode given) =>
        given == BreakerMode.Observe ? given : BreakerMode.Enforce;

    private static (Int128 Times, BreakerMode Mode)? SuspendedSessionsOf(Breakers? breakers)
    {
        if (breakers?.SuspendedSessions is { } given) return RuleOf(given);
        BreakerMode?[] modes =
        [
            breakers?.SameToolCall?.Mode, breakers?.BurnRate?.Mode, breakers?.StepsWithoutOutcome?.Mode,
            breakers?.Refusals?.Mode,
        ];
        if (modes.All(mode => mode is null)) return null;
        bool enforces = modes.Any(mode => mode is not (null or BreakerMode.Observe));
        return (3, enforces ? BreakerMode.Enforce : BreakerMode.Observe);
    }

    public bool DelegatesTo(string id) => agent.Delegates?.Agents.Contains(id) == true;

    public bool DelegatesToUseCase(string id) => agent.Delegates?.UseCases.Contains(id) == true;

    /// <summary>Its share, as the catalog says or otherwise.</summary>
    public (Int128 OpenHolds, Int128 OpenSessions, Int128 SessionsPerMinute) Bounds { get; } = (
        agent.Bounds is { HasOpenHolds: true } ? agent.Bounds.OpenHolds : 100_000,
        agent.Bounds is { HasOpenSessions: true } ? agent.Bounds.OpenSessions : 10_000,
        agent.Bounds is { HasSessionsPerMinute: true } ? agent.Bounds.SessionsPerMinute : 6000);

    public bool WorksFor(string useCase) => agent.UseCases.Contains(useCase);
}
