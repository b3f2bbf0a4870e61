using AgentBudget.Grains.Lanes;
using AgentBudget.Runtime;
using AgentBudget.Storage.InMemory;

namespace AgentBudget.Grains.Tests.Support;

/// <summary>How a cluster runs.</summary>
internal sealed record ClusterSetup
{
    public short Silos { get; init; } = 3;

    /// <summary>Where the ledgers are; a cluster that follows another on the same store takes it over.</summary>
    public InMemoryStore Store { get; init; } = new();

    /// <summary>The clock of the ledgers and of the scan; the runtime's own is real.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    public ActivationOptions Activations { get; init; } = new();

    public LaneOptions Lanes { get; init; } = new();

    /// <summary>What is changed of a silo after the tenants were added.</summary>
    public Action<ISiloBuilder> Configure { get; init; } = static _ => { };
}
