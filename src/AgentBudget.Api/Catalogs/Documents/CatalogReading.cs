using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>What a document says.</summary>
/// <param name="Catalog">The catalog; worth something only without faults.</param>
/// <param name="Notices">What is kept and not acted on, one sentence each.</param>
/// <param name="Faults">What is wrong, in the order it was found.</param>
/// <param name="LineOf">
/// The line of a path, or of the nearest part above it that the document has; 1 if there is none.
/// </param>
public sealed record CatalogReading(
    Catalog Catalog,
    IReadOnlyList<string> Notices,
    IReadOnlyList<DocumentFault> Faults,
    Func<string, int> LineOf)
{
    /// <summary>Items that a patch removes.</summary>
    public IReadOnlyList<string> Remove { get; init; } = [];

    /// <summary>The path of what a part is in; empty at the top.</summary>
    internal static string Around(string path)
    {
        int cut = path.LastIndexOfAny(['.', '[']);
        return cut < 0 ? "" : path[..cut];
    }
}
