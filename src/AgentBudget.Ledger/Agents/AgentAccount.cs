using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Agents;

/// <summary>An agent: who spends, with which tools and models, within which ceilings per session.</summary>
internal sealed class AgentAccount(string name) : Account(name, Reason.AgentBudget)
{
    /// <summary>A session without renewal lives at most this long where the catalog says nothing (1 h).</summary>
    internal const long SessionTtlDefaultNanos = 3600 * LogTime.NanosPerSecond;

    /// <summary>A session with its renewals lives at most this long where the catalog says nothing (24 h).</summary>
    internal const long SessionLifetimeDefaultNanos = 24 * SessionTtlDefaultNanos;

    /// <summary>
    /// The longest lifetime that a catalog may say (30 days): request ids are kept as long as their session is known.
    /// </summary>
    internal const long SessionLifetimeMaxNanos = 30 * SessionLifetimeDefaultNanos;

    private Agent _model = new();

    public Scope Tools { get; private set; } = new([]);

    public Scope Models { get; private set; } = new([]);

    public SessionCeilings Ceilings { get; private set; } = SessionCeilings.None;

    /// <summary>What watches its sessions; null for nothing.</summary>
    public BreakerRules? Breakers { get; private set; }

    public long SessionTtlNanos { get; private set; } = SessionTtlDefaultNanos;

    public long SessionLifetimeNanos { get; private set; } = SessionLifetimeDefaultNanos;

    public IReadOnlyList<string> ToolPatterns => _model.Tools;

    public IReadOnlyList<string> ModelNames => _model.Models;

    /// <summary>Where it stands. Kept as long as the ledger: an agent's end is not undone by a catalog.</summary>
    public Standing Standing { get; set; }

    /// <summary>Answers why this agent may do nothing at all, or none.</summary>
    public Reason CheckStanding() => Standing switch
    {
        Standing.Active => Reason.Unspecified,
        Standing.Suspended => Reason.AgentSuspended,
        Standing.Decommissioned => Reason.AgentDecommissioned,
    };

    /// <summary>Sets what the catalog says.</summary>
    public void Configure(Agent model)
    {
        _model = model;
        Tools = new Scope(model.Tools);
        Models = new Scope(model.Models);
        Ceilings = SessionCeilings.From(model.Ceilings);
        if (model.Ceilings is not { HasOpenHolds: true })
            Ceilings = Ceilings with { OpenHolds = SessionCeilings.OpenHoldsDefault };
        Breakers = BreakerRules.From(model.Breakers);
        SessionLifetimeNanos =
            model.SessionLifetime is null ? SessionLifetimeDefaultNanos : LogTime.FromDuration(model.SessionLifetime);
        long ttlNanos = model.SessionTtl is null ? SessionTtlDefaultNanos : LogTime.FromDuration(model.SessionTtl);
        SessionTtlNanos = Math.Min(ttlNanos, SessionLifetimeNanos);
    }

    public bool WorksFor(string useCaseId) => _model.UseCases.Contains(useCaseId);
}
