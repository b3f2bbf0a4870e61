namespace AgentBudget.Grains.Abstractions;

/// <summary>
/// Folds one tenant's ledger into the sums that reports are made of. Hints wake it, and it reads the events by
/// position; sums and position are written together. The key is the tenant's id.
/// </summary>
[Alias("agentbudget.IAggregatorGrain")]
public interface IAggregatorGrain : IGrainWithStringKey
{
    /// <summary>
    /// Folds what is durable up to a sequence, as much of it as one turn takes, and answers the last event that is
    /// folded: whoever needs more asks again.
    /// </summary>
    [Alias("FoldTo")]
    Task<long> FoldTo(long sequence);
}
