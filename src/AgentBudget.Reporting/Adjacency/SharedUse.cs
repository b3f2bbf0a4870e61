using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Statistics;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting.Adjacency;

/// <summary>Which agents, tools, users and tags use cases used, and what two of them share beyond chance.</summary>
internal sealed class SharedUse
{
    private const string Agents = "agent";
    private const double QMax = 0.01;
    private const int ExamplesMax = 10; // As the contract says.

    private const string Select = """
        SELECT DISTINCT use_case, agent, tool, user, tags FROM spend JOIN item ON item.id = spend.item
        WHERE tenant = $tenant AND quarter >= $start AND quarter < $end AND (calls > 0 OR cost > 0 OR cost_high > 0)
        """;

    // Distinct combinations that a report reads.
    private const int PartsMax = 1_000_000;

    // By kind and use case, what it used.
    private readonly Dictionary<string, Dictionary<string, HashSet<string>>> _used = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _population = new(StringComparer.Ordinal);

    /// <summary>Throws <see cref="ReportException"/> for too many.</summary>
    public static SharedUse Read(SqliteConnection connection, string tenant, long start, long end)
    {
        var use = new SharedUse();
        foreach (SqliteDataReader reader in PeriodRows.Read(connection, Select, tenant, start, end, PartsMax))
        {
            string useCase = reader.GetString(0);
            if (useCase.Length == 0) continue;
            use.Add(Agents, useCase, reader.GetString(1));
            use.Add("tool", useCase, reader.GetString(2));
            use.Add("user", useCase, reader.GetString(3));
            foreach ((string name, string value) in TagText.Read(reader.GetString(4)))
                use.Add(Chargeback.TagPrefix + name, useCase, value);
        }

        return use;
    }

    /// <summary>What each pair shares: agents always, the rest where chance does not explain it.</summary>
    public Dictionary<(string First, string Second), List<SharedParts>> Of(
        IReadOnlyList<(string First, string Second)> pairs)
    {
        var found = new Dictionary<(string, string), List<SharedParts>>();
        foreach (string kind in _used.Keys.Order(StringComparer.Ordinal))
        {
            List<((string, string) Pair, SharedParts Parts)> shared = [];
            foreach ((string First, string Second) pair in pairs)
            {
                if (Of(kind, pair.First, pair.Second) is { } parts) shared.Add((pair, parts));
            }

            double[] q = Chance.Adjusted([.. shared.Select(one => one.Parts.P)], pairs.Count);
            for (int i = 0; i < q.Length; i++)
            {
                shared[i].Parts.Q = q[i];
                if (q[i] > QMax && kind != Agents) continue;
                if (!found.TryGetValue(shared[i].Pair, out List<SharedParts>? ofPair))
                    found.Add(shared[i].Pair, ofPair = []);
                ofPair.Add(shared[i].Parts);
            }
        }

        return found;
    }

    private SharedParts? Of(string kind, string first, string second)
    {
        if (!_used[kind].TryGetValue(first, out HashSet<string>? ofFirst)
            || !_used[kind].TryGetValue(second, out HashSet<string>? ofSecond))
        {
            return null;
        }

        string[] both = [.. ofFirst.Where(ofSecond.Contains).Order(StringComparer.Ordinal)];
        if (both.Length == 0) return null;
        long population = _population[kind].Count;
        return new SharedParts
        {
            Kind = kind,
            Shared = both.Length,
            First = ofFirst.Count,
            Second = ofSecond.Count,
            Population = population,
            Lift = both.Length * (double)population / ((double)ofFirst.Count * ofSecond.Count),
            P = Chance.OfSharing(both.Length, ofFirst.Count, ofSecond.Count, population),
            Examples = { both.Take(ExamplesMax) },
        };
    }

    private void Add(string kind, string useCase, string part)
    {
        if (part.Length == 0) return;
        if (!_used.TryGetValue(kind, out Dictionary<string, HashSet<string>>? ofKind))
        {
            _used.Add(kind, ofKind = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal));
            _population.Add(kind, new HashSet<string>(StringComparer.Ordinal));
        }

        if (!ofKind.TryGetValue(useCase, out HashSet<string>? parts))
            ofKind.Add(useCase, parts = new HashSet<string>(StringComparer.Ordinal));
        parts.Add(part);
        _population[kind].Add(part);
    }
}
