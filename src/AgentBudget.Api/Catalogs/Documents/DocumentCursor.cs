using System.Globalization;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>What a walk over a document gathers.</summary>
internal sealed class DocumentFindings
{
    /// <summary>More are not worth reading, and a hostile document shall not make a large answer.</summary>
    internal const int FaultsMax = 100;

    private readonly List<DocumentFault> _faults = [];

    internal List<DocumentFault> Faults => _faults;

    internal void Fault(int line, string path, string description)
    {
        if (_faults.Count < FaultsMax)
            _faults.Add(new DocumentFault(line, path, description));
    }
}

/// <summary>
/// One value of a document with its path. Each reading either answers the value, or names a fault and answers a
/// default: a walk goes on and finds every fault.
/// </summary>
internal readonly struct DocumentCursor
{
    private readonly DocumentFindings _findings;
    private readonly DocumentNode _node;

    internal DocumentCursor(DocumentFindings findings, DocumentNode node, string path, int line)
    {
        _findings = findings;
        _node = node;
        Path = path;
        Line = line;
    }

    internal string Path { get; }

    internal int Line { get; }

    internal void Fault(string description) => _findings.Fault(Line, Path, description);

    /// <summary>The map here, or an empty one.</summary>
    internal DocumentMap Map(params string[] keys)
    {
        if (_node is not MapNode map)
        {
            Fault("must be a map of keys and values.");
            return new DocumentMap(_findings, new MapNode([], Line), Path, Line, keys: null);
        }

        return new DocumentMap(_findings, map, Path, Line, keys);
    }

    /// <summary>The map here with keys that the document chooses, or an empty one.</summary>
    internal DocumentMap OpenMap()
    {
        if (_node is MapNode map)
            return new DocumentMap(_findings, map, Path, Line, keys: null);
        Fault("must be a map of names and values.");
        return new DocumentMap(_findings, new MapNode([], Line), Path, Line, keys: null);
    }

    /// <summary>The items of the list here, at most <paramref name="itemsMax"/>.</summary>
    internal IReadOnlyList<DocumentCursor> List(int itemsMax)
    {
        if (_node is not ListNode list)
        {
            Fault("must be a list.");
            return [];
        }

        if (list.Items.Count > itemsMax)
        {
            Fault($"has {list.Items.Count} items; at most {itemsMax} are accepted.");
            return [];
        }

        DocumentCursor[] items = new DocumentCursor[list.Items.Count];
        for (int index = 0; index < items.Length; index++)
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"{Path}[{index}]");
            items[index] = new DocumentCursor(_findings, list.Items[index], path, list.Items[index].Line);
        }

        return items;
    }

    /// <summary>
    /// The text here; null with a fault when it is none, empty, or longer than <paramref name="charsMax"/>.
    /// </summary>
    internal string? Text(int charsMax)
    {
        if (_node is not ScalarNode scalar)
        {
            Fault("must be a single value.");
            return null;
        }

        if (scalar.Text.Length == 0 || scalar is { IsQuoted: false, Text: "~" or "null" })
        {
            Fault("has no value: give it one or leave the key out.");
            return null;
        }

        if (scalar.Text.Length > charsMax)
        {
            Fault($"is longer than {charsMax} characters.");
            return null;
        }

        foreach (char character in scalar.Text)
        {
            if (char.IsControl(character))
            {
                Fault("must not hold control characters.");
                return null;
            }
        }

        return scalar.Text;
    }

    /// <summary>Whether the value is a map, for keys that take either a word or a map.</summary>
    internal bool IsMap => _node is MapNode;
}

/// <summary>A map of a document. Names unknown and repeated keys as faults when it is made.</summary>
internal readonly struct DocumentMap
{
    private readonly DocumentFindings _findings;
    private readonly MapNode _map;
    private readonly string _path;
    private readonly int _line;

    internal DocumentMap(DocumentFindings findings, MapNode map, string path, int line, string[]? keys)
    {
        _findings = findings;
        _map = map;
        _path = path;
        _line = line;
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (MapEntry entry in map.Entries)
        {
            if (!seen.Add(entry.Key))
                findings.Fault(entry.Line, PathOf(entry.Key), "is there twice.");
            else if (keys is not null && Array.IndexOf(keys, entry.Key) < 0)
                findings.Fault(entry.Line, PathOf(entry.Key), UnknownKey(path, keys));
        }
    }

    /// <summary>Every entry, the first of a repeated key.</summary>
    internal IEnumerable<(string Key, DocumentCursor Value)> Entries
    {
        get
        {
            HashSet<string> seen = new(StringComparer.Ordinal);
            foreach (MapEntry entry in _map.Entries)
            {
                if (seen.Add(entry.Key))
                    yield return (entry.Key, CursorOf(entry));
            }
        }
    }

    internal int Count => _map.Entries.Count;

    /// <summary>The value of a key; null when it is absent.</summary>
    internal DocumentCursor? Find(string key)
    {
        foreach (MapEntry entry in _map.Entries)
        {
            if (entry.Key == key)
                return CursorOf(entry);
        }

        return null;
    }

    /// <summary>The value of a key; null with a fault when it is absent.</summary>
    internal DocumentCursor? Require(string key)
    {
        if (Find(key) is { } value)
            return value;
        _findings.Fault(_line, PathOf(key), "is missing.");
        return null;
    }

    private static string UnknownKey(string path, string[] keys) =>
        $"is not a key of {(path.Length == 0 ? "a catalog" : path)}; its keys are {string.Join(", ", keys)}.";

    private DocumentCursor CursorOf(MapEntry entry) => new(_findings, entry.Value, PathOf(entry.Key), entry.Line);

    private string PathOf(string key) => _path.Length == 0 ? key : $"{_path}.{key}";
}
