using System.Collections.Frozen;
using System.Diagnostics.Metrics;

namespace AgentBudget.Api.Budgets.Providers;

/// <summary>
/// Keys of providers' reports that were left out. A key that another dialect knows says that a report came under the
/// wrong one; every other key is a caller's word and is counted without its name. Each silo of a process has its own.
/// </summary>
public sealed class ReportMeter : IDisposable
{
    internal const string Other = "other";

    private static readonly FrozenDictionary<string, string> Keys = Dialects.All
        .SelectMany(dialect => dialect.Paths)
        .DistinctBy(path => Dialect.Plain(path), StringComparer.Ordinal)
        .ToFrozenDictionary(path => Dialect.Plain(path), StringComparer.Ordinal);

    private readonly Counter<long> _unread;

    /// <summary>Counts from now on.</summary>
    public ReportMeter() => _unread = Meter.CreateCounter<long>(
        "agentbudget.report.keys.unread", "{key}", "Keys of providers' usage reports that were left out.");

    /// <summary>What is measured here.</summary>
    public Meter Meter { get; } = new("AgentBudget.Reports");

    /// <inheritdoc/>
    public void Dispose() => Meter.Dispose();

    /// <summary>Keys of a report were left out.</summary>
    /// <param name="dialect">The field that the report was given in.</param>
    /// <param name="keys">The keys, with their paths.</param>
    internal void Left(string dialect, IEnumerable<string> keys)
    {
        foreach (string key in keys)
        {
            _unread.Add(
                1, new("dialect", dialect), new("key", Keys.GetValueOrDefault(Dialect.Plain(key), Other)));
        }
    }
}
