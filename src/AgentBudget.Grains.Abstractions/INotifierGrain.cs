using AgentBudget.Protocol.Notifier.V1;

namespace AgentBudget.Grains.Abstractions;

/// <summary>
/// Tells a tenant's endpoints what happens: hints wake it, it reads the events by position, and what it made of them
/// and where it stands is written together. The key is the tenant's id.
/// </summary>
[Alias("agentbudget.INotifierGrain")]
public interface INotifierGrain : IGrainWithStringKey
{
    /// <summary>Answers what is asked of its endpoints. Faults are answers.</summary>
    [Alias("Ask")]
    Task<NotifierReply> Ask(NotifierRequest request);

    /// <summary>Sets to work, if there is anybody to tell.</summary>
    [Alias("Wake")]
    Task Wake();
}

/// <summary>The notifiers of this cluster's tenants.</summary>
public interface INotifiers
{
    /// <summary>
    /// Asks a tenant's notifier, wherever it is. Throws <see cref="TenantException"/> where nobody knows what became of
    /// it.
    /// </summary>
    Task<NotifierReply> AskAsync(string tenant, NotifierRequest request);
}
