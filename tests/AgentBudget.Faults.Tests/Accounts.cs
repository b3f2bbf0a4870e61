using AgentBudget.Protocol.V1;

namespace AgentBudget.Faults.Tests;

/// <summary>Names in the load's catalog, and money as a number.</summary>
internal static class Accounts
{
    public const string Tenant = "tenants/acme";
    public const string BusinessUnit = "businessUnits/unit";
    public const string UseCase = "useCases/case";
    public const string Agent = "agents/agent";
    public const string Model = "model";

    public static long Nanos(Money? money) => money is null ? 0 : checked((money.Units * 1_000_000_000) + money.Nanos);
}
