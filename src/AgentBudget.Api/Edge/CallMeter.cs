using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Grpc.Core;

namespace AgentBudget.Api.Edge;

/// <summary>Calls by method and status, over every protocol together. Each silo of a process has its own.</summary>
public sealed class CallMeter : IDisposable
{
    private readonly ConcurrentDictionary<string, CallCounts> _counts = new(StringComparer.Ordinal);

    /// <summary>Counts from now on.</summary>
    public CallMeter()
    {
        // Read when somebody asks: a call itself only counts.
        Meter.CreateObservableCounter(
            "agentbudget.rpc.calls",
            () => _counts.Values.SelectMany(counts => counts.Read()),
            "{call}",
            "Calls that were answered, by method and status.");
    }

    /// <summary>What is measured here.</summary>
    public Meter Meter { get; } = new("AgentBudget.Rpc");

    /// <inheritdoc/>
    public void Dispose() => Meter.Dispose();

    /// <summary>The counts of calls of methods that are not served.</summary>
    internal CallCounts Unknown => _counts.GetOrAdd("unknown", static name => new CallCounts(name));

    internal CallCounts Of(IMethod method) =>
        _counts.GetOrAdd(method.FullName[1..], static name => new CallCounts(name));
}
