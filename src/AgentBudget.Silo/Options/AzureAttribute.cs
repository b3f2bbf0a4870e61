using AgentBudget.Storage.Azure.Connections;

namespace AgentBudget.Silo.Options;

/// <summary>A connection string of Azure Storage. It may hold a key, so no sentence repeats it.</summary>
internal sealed class AzureAttribute(string key) : ValueAttribute(key)
{
    /// <inheritdoc/>
    protected override string? FaultOf(string value) => AzureConnectionString.FaultOf(value);
}
