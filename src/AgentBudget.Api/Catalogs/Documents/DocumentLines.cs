using System.Globalization;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>Finds the line of a path in a document: asked for faults alone, so nothing is kept for it.</summary>
internal static class DocumentLines
{
    /// <summary>
    /// The line of a path such as <c>agents[3].budget.limit</c>, or of the nearest part around it; 1 for none.
    /// </summary>
    internal static int LineOf(DocumentNode? root, string path)
    {
        int line = 1;
        DocumentNode? node = root;
        ReadOnlySpan<char> rest = path;
        while (node is not null && !rest.IsEmpty)
        {
            node = node switch
            {
                ListNode list => Step(list, ref rest, ref line),
                MapNode map => Step(map, ref rest, ref line),
                _ => null,
            };
        }

        return line;
    }

    private static DocumentNode? Step(ListNode list, ref ReadOnlySpan<char> rest, ref int line)
    {
        int end = rest.IndexOf(']');
        if (rest[0] != '[' || end < 0)
            return null;
        bool isItem = int.TryParse(rest[1..end], NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            && index < list.Items.Count;
        if (!isItem)
            return null;
        rest = rest[(end + 1)..];
        line = list.Items[index].Line;
        return list.Items[index];
    }

    // Keys may have dots: the longest that fits is meant.
    private static DocumentNode? Step(MapNode map, ref ReadOnlySpan<char> rest, ref int line)
    {
        if (rest[0] == '.')
            rest = rest[1..];
        MapEntry? found = null;
        foreach (MapEntry entry in map.Entries)
        {
            bool fits = rest.StartsWith(entry.Key)
                && (rest.Length == entry.Key.Length || rest[entry.Key.Length] is '.' or '[')
                && entry.Key.Length > (found?.Key.Length ?? 0);
            if (fits)
                found = entry;
        }

        if (found is null)
            return null;
        rest = rest[found.Key.Length..];
        line = found.Line;
        return found.Value;
    }
}
