namespace AgentBudget.Storage.Azure;

/// <summary>How to open a store in Azure Storage.</summary>
public sealed record AzureStoreOptions
{
    /// <summary>The storage account, as its connection string.</summary>
    public required string Connection { get; init; }

    /// <summary>
    /// What the process calls itself, for a person who looks for a tenant's owner; nothing depends on it.
    /// </summary>
    public string OwnerAddress { get; init; } = "";

    /// <summary>What the store's container and its table are called.</summary>
    internal string Name { get; init; } = "agentbudget";

    /// <summary>
    /// A segment is sealed at so many blocks. The service takes 50,000; what is left is for a limit that is lowered.
    /// </summary>
    internal int SegmentBlocksMax { get; init; } = 40_000;

    /// <summary>
    /// A segment is sealed at so many bytes: whoever looks for an event reads its segment from the start.
    /// </summary>
    internal long SegmentBytesMax { get; init; } = 8 * 1024 * 1024;

    /// <summary>An append that is not answered by then will not be soon.</summary>
    internal TimeSpan AppendPatience { get; init; } = TimeSpan.FromSeconds(10);
}
