using AgentBudget.Grains.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.BusinessUnits;

/// <summary>A business unit: who pays.</summary>
internal sealed class BusinessUnitGrain(string name) : Grain(name, Reason.BusinessUnitBudget);
