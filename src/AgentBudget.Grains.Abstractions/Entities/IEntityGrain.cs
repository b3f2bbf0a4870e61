using AgentBudget.Ledger;
using Orleans.Concurrency;

namespace AgentBudget.Grains.Abstractions.Entities;

/// <summary>
/// The address of one session, agent, use case or business unit. It holds no second truth: its tenant decides, and its
/// balance is read there. The key is an <see cref="EntityKey"/>.
/// </summary>
[Alias("agentbudget.IEntityGrain")]
public interface IEntityGrain : IGrainWithStringKey
{
    /// <summary>
    /// Hands a command about this entity to its tenant and says what came of it, once that is durable. Refusals and
    /// faults are replies. Throws <see cref="ArgumentException"/> for a command about another one.
    /// </summary>
    [AlwaysInterleave, Alias("Ask")]
    Task<Reply> Ask(Command command);
}

/// <summary>One task of an agent: its state, its scope and its ceilings, until it ends.</summary>
[Alias("agentbudget.ISessionGrain")]
public interface ISessionGrain : IEntityGrain
{
    /// <summary>
    /// Hands spends of this session to its tenant, in their order: for callers inside the cluster, who take the same
    /// lane as calls over gRPC. Throws <see cref="ArgumentException"/> for one of another session.
    /// </summary>
    [AlwaysInterleave, Alias("Spend")]
    Task<TurnReplies> Spend(TurnBatch spends);

    /// <summary>
    /// The session as it is and each time that it, or what is left on its path, has changed: replies with a
    /// <see cref="Protocol.V1.WatchSessionResponse"/> as their view. The last one says how it ended, or why nothing
    /// more is known.
    /// </summary>
    [AlwaysInterleave, Alias("Watch")]
    IAsyncEnumerable<Reply> Watch(CancellationToken cancellationToken);
}

/// <summary>One agent: opens its sessions; its standing and its balance.</summary>
[Alias("agentbudget.IAgentGrain")]
public interface IAgentGrain : IEntityGrain;

/// <summary>One use case: its budgets.</summary>
[Alias("agentbudget.IUseCaseGrain")]
public interface IUseCaseGrain : IEntityGrain;

/// <summary>One business unit: its budgets.</summary>
[Alias("agentbudget.IBusinessUnitGrain")]
public interface IBusinessUnitGrain : IEntityGrain;
