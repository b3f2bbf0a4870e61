using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.BusinessUnits;

/// <summary>A business unit: who pays.</summary>
internal sealed class BusinessUnitAccount(string name) : Account(name, Reason.BusinessUnitBudget);
