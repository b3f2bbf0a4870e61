using Orleans.Concurrency;

namespace AgentBudget.Grains.Abstractions;

/// <summary>
/// One tenant: owns its ledger in memory and the right to write its journal. The key is the tenant's id. Everything
/// interleaves; the activation itself orders the turns.
/// </summary>
[Alias("agentbudget.ITenantGrain")]
public interface ITenantGrain : IGrainWithStringKey
{
    /// <summary>
    /// Decides the commands in order and answers once what was decided is durable. Never throws for what a tenant may
    /// say: refusals and faults are replies.
    /// </summary>
    [AlwaysInterleave, Alias("Turn")]
    Task<TurnReplies> Turn(TurnBatch batch);

    /// <summary>Recent events from a sequence on, as far as they are in memory; else an empty page.</summary>
    [AlwaysInterleave, Alias("ReadRecent")]
    ValueTask<EventPage> ReadRecent(long fromSequence);

    /// <summary>Brings the tenant into memory, so that its deadlines are handled.</summary>
    [AlwaysInterleave, Alias("Wake")]
    ValueTask Wake();
}
