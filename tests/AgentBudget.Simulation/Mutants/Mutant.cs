using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;
using AgentBudget.Simulation.Store;
using AgentBudget.Storage;

namespace AgentBudget.Simulation.Mutants;

/// <summary>
/// A defect on purpose, put between the real parts: it shows that the checks can fail. The base breaks nothing.
/// </summary>
internal class Mutant
{
    public virtual DatabaseRules Rules { get; } = new();

    public virtual ILedgerStore Store(SimWorld world, SimProcess process, ILedgerStore inner) => inner;

    public virtual ITurnLedgers Ledgers(SimWorld world, SimSilo silo, ITurnLedgers inner) => inner;

    public virtual ValueTask<Answer> SubmitAsync(ITenantHost host, string tenant, Command command) =>
        host.SubmitAsync(tenant, command);

    public virtual IAsyncEnumerable<IReadOnlyList<LedgerEvent>> Watch(
        ITenantHost host, string tenant, long fromSequence) =>
        host.WatchAsync(tenant, fromSequence, CancellationToken.None);
}
