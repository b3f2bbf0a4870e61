using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

/// <summary>Catalogs to test with.</summary>
internal static class Catalogs
{
    public static Money Dollars(decimal amount) => MoneyMath.ToMoney((long)(amount * MoneyMath.NanosPerUnit), "USD");

    /// <summary>An estimate of input alone.</summary>
    public static TokenEstimate Input(long tokens) => new() { InputTokens = tokens, MaxOutputTokens = 0 };

    /// <summary>
    /// One business unit, one use case with a limit of 1.00 and the default ladder, one agent that may use both models
    /// and the tools crm.read and search.*.
    /// </summary>
    public static Catalog Acme()
    {
        var catalog = new Catalog { Tenant = "acme", Currency = "USD", TimeZone = "Europe/Berlin" };
        catalog.BusinessUnits.Add(new BusinessUnit { Id = "marketing" });
        catalog.UseCases.Add(new UseCase
        {
            Id = "promo",
            BusinessUnit = "marketing",
            Budget = new Protocol.V1.Budget { Limit = Dollars(1), Period = Period.Month },
            Downgrade = { [LedgerFixture.Sonnet] = LedgerFixture.Haiku },
        });
        catalog.Agents.Add(new Agent
        {
            Id = "writer",
            BusinessUnit = "marketing",
            UseCases = { "promo" },
            Tools = { "crm.read", "search.*" },
            Models = { LedgerFixture.Sonnet, LedgerFixture.Haiku },
        });
        catalog.Prices.Add(Price(LedgerFixture.Sonnet, input: 3, output: 15));
        catalog.Prices.Add(Price(LedgerFixture.Haiku, input: 1, output: 5));
        return catalog;
    }

    public static Price Price(string model, decimal input, decimal output) => new()
    {
        Model = model,
        Provider = "anthropic",
        EffectiveFrom = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).ToTimestamp(),
        Rates = new Rates
        {
            Input = (long)(input * MoneyMath.NanosPerUnit),
            Output = (long)(output * MoneyMath.NanosPerUnit),
        },
    };
}
