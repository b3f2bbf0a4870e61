using Orleans.Concurrency;
using Orleans.Services;

namespace AgentBudget.Grains.Peers;

/// <summary>One silo, as the others tell it what changed.</summary>
[Alias("agentbudget.ISiloNews")]
internal interface ISiloNews : IGrainService
{
    /// <summary>Completes when a tenant's credentials are known as they are after an event.</summary>
    [AlwaysInterleave, Alias("Credentials")]
    Task Credentials(string tenant, long sequence);

    /// <summary>Completes when the silo has looked which keys sign.</summary>
    [AlwaysInterleave, Alias("SigningKeys")]
    Task SigningKeys();

    /// <summary>There is a tenant.</summary>
    [AlwaysInterleave, Alias("Tenant")]
    Task Tenant(string tenant);
}
