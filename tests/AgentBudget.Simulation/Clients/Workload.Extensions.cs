using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;

namespace AgentBudget.Simulation.Clients;

// Requests for more, and answers to them.
internal static partial class Workload
{
    private static RequestExtensionCommand RequestExtension(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        var request = new RequestExtensionRequest
        {
            RequestId = tenant.NextId(),
            Grain = Catalogs.AnyAccount(tenant),
            Window = Catalogs.AnyWindow(tenant),
            Reason = "refused",
        };
        if (random.Below(8) == 0) request.AmountTokens = random.Spread(1, 5000);
        else request.Amount = Catalogs.Nanos(random.Spread(1, 5000));
        if (random.Below(20) == 0) request.Amount = new Money { CurrencyCode = "EUR", Units = 1 };
        if (random.Below(3) == 0) request.ExpireTime = WallIn(tenant, random.Between(-60, 7200));
        return random.Coin()
            ? new RequestExtensionCommand(request, AnySession(tenant), AnyPrincipal(random))
            : new RequestExtensionCommand(request, 0, Caller);
    }

    private static DecideExtensionCommand DecideExtension(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        bool isKnown = tenant.Extensions.Count > 0 && random.Below(10) > 0;
        var request = new DecideExtensionRequest
        {
            RequestId = tenant.NextId(),
            ExtensionRequest = $"extension-requests/x{(isKnown ? random.Any(tenant.Extensions) : 3)}",
            Decision = random.Below(3) > 0 ? ExtensionState.Approved : ExtensionState.Refused,
            Reason = "seen",
        };
        int other = request.Decision == ExtensionState.Approved ? random.Below(3) : 2;
        if (other == 0) request.Amount = Catalogs.Nanos(random.Spread(1, 900));
        if (other == 1) request.AmountTokens = random.Spread(1, 900);
        return new DecideExtensionCommand(request, Caller);
    }
}
