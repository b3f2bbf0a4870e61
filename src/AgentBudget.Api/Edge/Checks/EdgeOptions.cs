namespace AgentBudget.Api.Edge.Checks;

/// <summary>What a request may hold, and how long it may take to arrive.</summary>
public sealed class EdgeOptions
{
    // A document is half as large, but quotes and line ends of its text take two bytes in JSON; the rest is for the
    // other fields.
    private const int CatalogMessageBytesMax = 33 * 1024 * 1024;

    /// <summary>The largest request message in bytes, after inflation. 1 to 64 MiB.</summary>
    public int MessageBytesMax { get; set; } = 256 * 1024;

    /// <summary>The largest request message of methods that have a bound of their own, by path
    /// (<c>/package.Service/Method</c>).</summary>
    public IDictionary<string, int> MessageBytesMaxByPath { get; } = new Dictionary<string, int>
    {
        ["/agentbudget.v1.CatalogService/ApplyCatalog"] = CatalogMessageBytesMax,
        ["/agentbudget.v1.CatalogService/PatchCatalog"] = CatalogMessageBytesMax,
    };

    /// <summary>How many items a request message may hold, nested ones included: elements of lists and maps, and fields
    /// that the schema does not know. 1 to 1,000,000.</summary>
    public int MessageItemsMax { get; set; } = 1_000;

    /// <summary>How long after its headers a request message may take to arrive, or after its first byte on a stream.
    /// 1 second to 10 minutes.</summary>
    public TimeSpan MessageArrivalMax { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The text field that many calls repeat. Its equal values become one string, which is found again by
    /// reference.</summary>
    public string SharedField { get; set; } = "session_token";

    internal int MessageBytesMaxAnywhere =>
        Math.Max(MessageBytesMax, MessageBytesMaxByPath.Values.DefaultIfEmpty().Max());

    internal int MessageBytesMaxOf(string path) =>
        MessageBytesMaxByPath.TryGetValue(path, out int max) ? max : MessageBytesMax;

    internal bool IsValid() =>
        MessageBytesMaxByPath.Values.Append(MessageBytesMax).All(max => max is >= 1 and <= 64 * 1024 * 1024)
        && MessageItemsMax is >= 1 and <= 1_000_000
        && MessageArrivalMax >= TimeSpan.FromSeconds(1)
        && MessageArrivalMax <= TimeSpan.FromMinutes(10)
        && SharedField.Length > 0;
}
