using AgentBudget.Identity;
using Orleans.Concurrency;

namespace AgentBudget.Grains.Replays;

/// <summary>
/// Remembers which proofs or assertions of one tenant's principals were used, for the whole cluster. The key is the
/// tenant's id and the name of a <see cref="ReplayKind"/>.
/// </summary>
[Alias("agentbudget.IReplayGrain")]
internal interface IReplayGrain : IGrainWithStringKey
{
    /// <summary>Uses an id, if it is new and there is room for it.</summary>
    /// <param name="principal">Whose it is.</param>
    /// <param name="idHash">The id's SHA-256.</param>
    /// <param name="issuedSeconds">When it was issued, as it says itself.</param>
    [AlwaysInterleave, Alias("Use")]
    ValueTask<ProofOutcome> Use(string principal, byte[] idHash, long issuedSeconds);
}
