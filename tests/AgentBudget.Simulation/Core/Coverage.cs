namespace AgentBudget.Simulation.Core;

/// <summary>How often each thing was reached. Counted over all seeds of a batch.</summary>
internal sealed class Coverage
{
    private readonly Dictionary<(string Group, string Name), long> _counts = [];

    /// <summary>By group and name, in ordinal order.</summary>
    public IEnumerable<(string Group, string Name, long Count)> Rows => _counts
        .OrderBy(pair => pair.Key.Group, StringComparer.Ordinal)
        .ThenBy(pair => pair.Key.Name, StringComparer.Ordinal)
        .Select(pair => (pair.Key.Group, pair.Key.Name, pair.Value));

    public long Of(string group, string name) => _counts.GetValueOrDefault((group, name));

    public void Count(SimFault fault) => Count("fault", fault.ToString());

    public void Count(string group, string name, long times = 1) =>
        System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_counts, (group, name), out _) +=
            times;

    public void Add(Coverage other)
    {
        foreach (((string group, string name), long count) in other._counts) Count(group, name, count);
    }
}
