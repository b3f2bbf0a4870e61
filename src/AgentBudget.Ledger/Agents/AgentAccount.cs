using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Agents;

/// <summary>An agent: who spends, with which tools and models, within which ceilings per session.</summary>
internal sealed partial class AgentAccount(string name) : Account(name, Reason.AgentBudget)
{
    /// <summary>A session without renewal lives at most this long where the catalog says nothing (1 h).</summary>
    internal const long SessionTtlDefaultNanos = 3600 * LogTime.NanosPerSecond;

    /// <summary>A session with its renewals lives at most this long where the catalog says nothing (24 h).</summary>
    internal const long SessionLifetimeDefaultNanos = 24 * SessionTtlDefaultNanos;

    /// <summary>
    /// The longest lifetime that a catalog may say (30 days): request ids are kept as long as their session is known.
    /// </summary>
    internal const long SessionLifetimeMaxNanos = 30 * SessionLifetimeDefaultNanos;

    /// <summary>Holds of an agent that may be open at once where the catalog is silent: 100 sessions' worth.</summary>
    internal const long OpenHoldsDefault = 100_000;

    /// <summary>Sessions of an agent that may be open at once where the catalog is silent.</summary>
    internal const long OpenSessionsDefault = 10_000;

    /// <summary>Sessions that an agent may open within a minute where the catalog is silent: 100 a second.</summary>
    internal const long SessionsPerMinuteDefault = 6000;

    private const long MinuteNanos = 60 * LogTime.NanosPerSecond;

    // Until a catalog says more. Nobody changes them.
    private static readonly Agent NoModel = new();
    private static readonly Scope Nothing = new([]);

    private Agent _model = NoModel;
    private long _minute;
    private long _openedInMinute;

    public Scope Tools { get; private set; } = Nothing;

    public Scope Models { get; private set; } = Nothing;

    public SessionCeilings Ceilings { get; private set; } = SessionCeilings.None;

    /// <summary>What watches its sessions; null for nothing.</summary>
    public BreakerRules? Breakers { get; private set; }

    public long SessionTtlNanos { get; private set; } = SessionTtlDefaultNanos;

    public long SessionLifetimeNanos { get; private set; } = SessionLifetimeDefaultNanos;

    public IReadOnlyList<string> ToolPatterns => _model.Tools;

    public IReadOnlyList<string> ModelNames => _model.Models;

    /// <summary>Where it stands. Kept as long as the ledger: an agent's end is not undone by a catalog.</summary>
    public Standing Standing { get; set; }

    /// <summary>Answers why this agent may do nothing at all for a user, or none.</summary>
    public Reason CheckStanding(string user) => Standing switch
    {
        Standing.Active => IsSuspendedFor(user) ? Reason.AgentSuspended : Reason.Unspecified,
        Standing.Suspended => Reason.AgentSuspended,
        Standing.Decommissioned => Reason.AgentDecommissioned,
    };

    /// <summary>Holds that its sessions have open.</summary>
    public long OpenHolds { get; set; }

    /// <summary>Sessions that it has open.</summary>
    public long OpenSessions { get; set; }

    /// <summary>Budgets of users that its sessions brought and that are remembered.</summary>
    public long KnownUserBudgets { get; set; }

    /// <summary>Answers that it has as many holds open as its share allows; or none.</summary>
    public Answer? CheckOpenHold()
    {
        long most = _model.Bounds is { HasOpenHolds: true } bounds ? bounds.OpenHolds : OpenHoldsDefault;
        return OpenHolds < most ? null : Bound("bounds.openHolds", $"{Name} has {most} holds open");
    }

    /// <summary>Answers that it has opened as many sessions as its share allows; or none.</summary>
    public Answer? CheckOpenSession(long nowNanos)
    {
        AgentBounds? bounds = _model.Bounds;
        long most = bounds is { HasOpenSessions: true } ? bounds.OpenSessions : OpenSessionsDefault;
        if (OpenSessions >= most) return Bound("bounds.openSessions", $"{Name} has {most} sessions open");
        long rate = bounds is { HasSessionsPerMinute: true } ? bounds.SessionsPerMinute : SessionsPerMinuteDefault;
        return OpenedIn(nowNanos / MinuteNanos) < rate
            ? null
            : Bound("bounds.sessionsPerMinute", $"{Name} has opened {rate} sessions within this minute");
    }

    /// <summary>It opened a session.</summary>
    public void CountOpened(long nowNanos)
    {
        long minute = nowNanos / MinuteNanos;
        _openedInMinute = OpenedIn(minute) + 1;
        _minute = minute;
    }

    /// <summary>Sessions that it opened within the minute of a time.</summary>
    public long OpenedAt(long nowNanos) => OpenedIn(nowNanos / MinuteNanos);

    /// <summary>Takes back what a snapshot has of the minute of its time.</summary>
    public void RestoreOpened(long nowNanos, long opened) =>
        (_minute, _openedInMinute) = (nowNanos / MinuteNanos, opened);

    private long OpenedIn(long minute) => minute == _minute ? _openedInMinute : 0;

    private static Answer Bound(string field, string description) =>
        new(Outcome.BoundReached, Faults: [new Fault(field, description)]);

    /// <summary>Sets what the catalog says.</summary>
    public void Configure(Agent model)
    {
        _model = model;
        Tools = ScopeOf(model.Tools);
        Models = ScopeOf(model.Models);
        Ceilings = SessionCeilings.From(model.Ceilings);
        if (model.Ceilings is not { HasOpenHolds: true })
            Ceilings = Ceilings with { OpenHolds = SessionCeilings.OpenHoldsDefault };
        Breakers = BreakerRules.From(model.Breakers);
        SuspendedSessions = BreakerRules.OfAgent(model.Breakers);
        SuspendedSessionsOfUser = BreakerRule.From(model.Breakers?.SuspendedSessionsOfUser);
        RefusalsOfAgent = BreakerRule.From(model.Breakers?.RefusalsOfAgent);
        BurnRateOfAgent = BreakerRule.From(model.Breakers?.BurnRateOfAgent);
        SessionLifetimeNanos =
            model.SessionLifetime is null ? SessionLifetimeDefaultNanos : LogTime.FromDuration(model.SessionLifetime);
        long ttlNanos = model.SessionTtl is null ? SessionTtlDefaultNanos : LogTime.FromDuration(model.SessionTtl);
        SessionTtlNanos = Math.Min(ttlNanos, SessionLifetimeNanos);
    }

    private static Scope ScopeOf(RepeatedField<string> patterns) =>
        patterns.Count == 0 ? Nothing : new Scope(patterns);

    /// <summary>Whether its sessions may open subagents of an agent, by id: itself always.</summary>
    public bool DelegatesTo(AgentAccount agent) =>
        ReferenceEquals(agent, this) || _model.Delegates?.Agents.Contains(agent.Id) == true;

    /// <summary>Whether its sessions may open subagents for another use case, by id.</summary>
    public bool DelegatesToUseCase(string useCaseId) => _model.Delegates?.UseCases.Contains(useCaseId) == true;

    private string Id => _model.Id;

    public bool WorksFor(string useCaseId) => _model.UseCases.Contains(useCaseId);
}
