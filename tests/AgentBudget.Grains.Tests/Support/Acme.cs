using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Grains.Tests.Support;

/// <summary>A tenant with one agent that works for one use case, and what it asks.</summary>
internal static class Acme
{
    public const string Tenant = "acme";
    public const string Model = "small";
    public const string UseCase = "useCases/promo";

    /// <summary>1,000 tokens in at 1 and 1,000 out at 5 per million.</summary>
    public const long CallNanos = 6_000_000;

    private const long NanosPerUnit = 1_000_000_000;

    /// <summary>
    /// The use case's limit, 0 for none, is what is granted at most: with no cheaper model, the soft cap refuses.
    /// </summary>
    public static ApplyCatalogCommand Catalog(long limitNanos = 0, string tenant = Tenant)
    {
        Catalog catalog = new() { Tenant = tenant, Currency = "USD", TimeZone = "UTC" };
        catalog.BusinessUnits.Add(new BusinessUnit { Id = "marketing" });
        UseCase useCase = new() { Id = "promo", BusinessUnit = "marketing" };
        if (limitNanos > 0)
        {
            Money limit = new()
            {
                CurrencyCode = "USD",
                Units = limitNanos / NanosPerUnit,
                Nanos = (int)(limitNanos % NanosPerUnit),
            };
            useCase.Budget = new Budget { Limit = limit, Period = Period.Year };
        }

        catalog.UseCases.Add(useCase);
        catalog.Agents.Add(new Agent
        {
            Id = "writer",
            BusinessUnit = "marketing",
            UseCases = { "promo" },
            Models = { Model },
        });
        catalog.Prices.Add(new Price
        {
            Model = Model,
            Provider = "any",
            EffectiveFrom = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).ToTimestamp(),
            Rates = new Rates { Input = 1_000_000_000, Output = 5_000_000_000 },
        });
        ApplyCatalogRequest request = new() { RequestId = "catalog", Document = catalog.ToString() };
        return new ApplyCatalogCommand(request, catalog, [], "admin");
    }

    public static OpenSessionCommand Open(string id, TimeSpan? ttl = null)
    {
        OpenSessionRequest request = new()
        {
            RequestId = id,
            Agent = "agents/writer",
            UseCase = UseCase,
            Task = "draft",
            Unattended = true,
        };
        if (ttl is { } time) request.Ttl = Duration.FromTimeSpan(time);
        return new OpenSessionCommand(request, "admin");
    }

    public static ReserveCommand Reserve(long session, string id, TimeSpan? ttl = null) => new(
        session,
        new ReserveTokensRequest
        {
            RequestId = id,
            Model = Model,
            Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
            Ttl = Duration.FromTimeSpan(ttl ?? TimeSpan.FromMinutes(10)),
        });

    public static CommitCommand Commit(long session, long reservation, string id, long tokens) => new(
        session,
        reservation,
        new CommitTokensRequest { RequestId = id, Usage = new TokenUsage { InputTokens = tokens } });

    public static ReleaseCommand Release(long session, long reservation, string id) =>
        new(session, reservation, new ReleaseTokensRequest { RequestId = id });

    /// <summary>Applies the catalog and opens sessions; their numbers.</summary>
    public static async Task<long[]> BeginAsync(
        ClusterSilo silo, int sessions = 1, long limitNanos = 0, string tenant = Tenant)
    {
        await DoneAsync(silo, Catalog(limitNanos, tenant), tenant);
        long[] numbers = new long[sessions];
        for (int i = 0; i < sessions; i++)
            numbers[i] = (await DoneAsync(silo, Open($"open-{i}"), tenant)).Event!.Sequence;
        return numbers;
    }

    public static async Task<Answer> DoneAsync(ClusterSilo silo, Command command, string tenant = Tenant)
    {
        Answer answer = await silo.SendAsync(command, tenant);
        Assert.Equal(Ledger.Outcome.Done, answer.Outcome);
        return answer;
    }

    public static async Task<GetBalanceResponse> BalanceAsync(ClusterSilo silo, long session, string account = "") =>
        (GetBalanceResponse)(await DoneAsync(silo, new BalanceQuery(session, account))).View!;
}
