using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>What a document says.</summary>
/// <param name="Catalog">The catalog; worth something only without faults.</param>
/// <param name="Notices">What is kept and not acted on, one sentence each.</param>
/// <param name="Faults">What is wrong, in the order it was found.</param>
/// <param name="Lines">The line of every path that was read.</param>
public sealed record CatalogReading(
    Catalog Catalog,
    IReadOnlyList<string> Notices,
    IReadOnlyList<DocumentFault> Faults,
    IReadOnlyDictionary<string, int> Lines)
{
    /// <summary>
    /// The line of a path, or of the nearest part above it that the document has; 1 if there is none.
    /// </summary>
    public int LineOf(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return LineOf(Lines, path);
    }

    internal static int LineOf(IReadOnlyDictionary<string, int> lines, string path)
    {
        string rest = path;
        while (rest.Length > 0)
        {
            if (lines.TryGetValue(rest, out int line))
                return line;
            rest = Around(rest);
        }

        return 1;
    }

    /// <summary>The path of what a part is in; empty at the top.</summary>
    internal static string Around(string path)
    {
        int cut = path.LastIndexOfAny(['.', '[']);
        return cut < 0 ? "" : path[..cut];
    }
}
