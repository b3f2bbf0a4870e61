using System.Text.RegularExpressions;

namespace AgentBudget.Architecture.Tests;

/// <summary>The table of projects in <c>docs/ARCHITECTURE.md</c>: who may reference whom.</summary>
internal static partial class ProjectTable
{
    private const string Prefix = "AgentBudget.";

    /// <summary>
    /// Project name to the names it may reference directly. Fails on a row that names an unknown project.
    /// </summary>
    public static IReadOnlyDictionary<string, IReadOnlySet<string>> Rows { get; } =
        Parse(Repository.Read("docs/ARCHITECTURE.md"));

    /// <summary>What a project may see in its assembly: its references, and what these bring along.</summary>
    public static IReadOnlySet<string> Reachable(string project)
    {
        HashSet<string> reached = [];
        Stack<string> open = new(Rows[project]);
        while (open.TryPop(out string? next))
        {
            if (!reached.Add(next)) continue;
            foreach (string further in Rows[next]) open.Push(further);
        }
        return reached;
    }

    private static Dictionary<string, IReadOnlySet<string>> Parse(string text)
    {
        Dictionary<string, IReadOnlySet<string>> rows = new(StringComparer.Ordinal);
        foreach (Match row in Row().Matches(text))
        {
            string cell = row.Groups["references"].Value;
            IEnumerable<string> references = cell == "–" ? [] : cell.Split(", ").Select(name => Prefix + name);
            rows.Add(row.Groups["project"].Value, references.ToHashSet(StringComparer.Ordinal));
        }
        Assert.NotEmpty(rows);
        foreach (string named in rows.Values.SelectMany(references => references)) Assert.Contains(named, rows.Keys);
        return rows;
    }

    [GeneratedRegex(@"^\| `(?<project>AgentBudget\.[\w.]+)` \|.*\| (?<references>[^|]+) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
