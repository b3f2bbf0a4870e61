using AgentBudget.Ledger;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Simulation.Clients;

// Finance: credits and debits, resets, spend that is rated again.
internal static partial class Workload
{
    private static AdjustSpendCommand Adjust(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        long size = random.Spread(1, 3000);
        var request = new AdjustSpendRequest
        {
            RequestId = tenant.NextId(),
            Grain = random.Below(3) == 0 ? Catalogs.AnyPart(tenant) : Catalogs.AnyAccount(tenant),
            Reason = "typo",
        };
        bool isCredit = random.Below(3) > 0;
        if (random.Below(4) > 0) request.Amount = Signed(size, isCredit);
        if (request.Amount is null || random.Coin()) request.Tokens = isCredit ? -size : size;
        return new AdjustSpendCommand(request, Reservation: null, Caller);
    }

    private static ResetBudgetCommand Reset(TenantModel tenant) => new(
        new ResetBudgetRequest
        {
            RequestId = tenant.NextId(),
            Grain = tenant.Random.Coin() ? Catalogs.AnyAccount(tenant) : Catalogs.AnyPart(tenant),
            Window = Catalogs.AnyWindow(tenant),
            Reason = "again",
        },
        Caller);

    private static RerateSpendCommand Rerate(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        var request = new RerateSpendRequest
        {
            RequestId = tenant.NextId(),
            StartTime = new Timestamp { Seconds = 1 },
            EndTime = new Timestamp { Seconds = random.Between(2, 1000) },
            PriceVersion = random.Below(3),
            Apply = true,
            Reason = "wrong price",
        };
        var spender = new Spender
        {
            Agent = $"agents/{Catalogs.AnyAgent(tenant)}",
            UseCase = $"useCases/{Catalogs.AnyUseCase(tenant)}",
        };
        long settled = random.Spread(0, 500);
        var rated = new RatedSpend(spender, Model: "", settled, random.Spread(0, 500));
        return new RerateSpendCommand(request, new RatedPeriod([rated], 1, 0, LastRerating: 0), Caller);
    }

    private static Money Signed(long nanos, bool isCredit)
    {
        Money money = Catalogs.Nanos(nanos);
        return isCredit ? new Money { Units = -money.Units, Nanos = -money.Nanos } : money;
    }
}
