using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

public sealed class UnitCostTests
{
    private static readonly string Catalog = Identity.Catalog.Replace(
        "businessUnit: marketing, budget: { limit: 100, period: none }",
        "businessUnit: marketing, outcomes: { quotesBound: { unit: quotes, baseline: 120 } }",
        StringComparison.Ordinal);

    [Fact]
    public async Task Unit_costs_of_the_runs_that_ended_are_answered_to_finance_and_to_owners_of_their_own()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalog);
        await WorkAsync(silo, "agents/writer", "useCases/promo", cost: 3000, quotes: 131);
        await WorkAsync(silo, "agents/writer", "useCases/promo", cost: 1000, quotes: null);
        await WorkAsync(silo, "agents/seller", "useCases/leads", cost: 500, quotes: 2);
        string finance = await silo.SecretAsync(Role.Finance, "desk");
        string owner = await silo.SecretAsync(Role.Owner, "kim", ["useCases/leads"]);

        GetUnitCostsResponse all = await GetAsync(silo, finance);
        GetUnitCostsResponse own = await GetAsync(silo, owner);

        Assert.Equal(["useCases/promo", "useCases/leads"], all.Rows.Select(row => row.Keys["use_case"]));
        UnitCostRow promo = all.Rows[0];
        Assert.Equal((4_000_000, 2, 1), (promo.Cost.Nanos, promo.Runs, promo.SuccessfulRuns));
        Assert.Equal(4_000_000, promo.CostPerSuccessfulRun.Nanos);
        OutcomeCost quotes = Assert.Single(promo.Outcomes);
        Assert.Equal(("quotesBound", 11, 1), (quotes.Metric, quotes.Delta, quotes.Runs));
        Assert.Equal(363_636, quotes.CostPerUnit.Nanos);
        Assert.Equal(4_500_000, all.Total.Cost.Nanos);
        Assert.Equal(all.Rows[1], Assert.Single(own.Rows));
        Assert.Equal(500_000, own.Total.Cost.Nanos);
    }

    [Fact]
    public async Task A_filter_by_what_a_run_has_many_of_is_refused()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        GetUnitCostsRequest request = new()
        {
            GroupBy = { "model" },
            Filter = new ReportFilter { Model = "m", Tool = "crm.read", Sku = "gpu" },
        };

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            () => silo.CallAsync<GetUnitCostsRequest, GetUnitCostsResponse>("GetUnitCosts", request));

        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        foreach (string field in new[] { "group_by[0]", "filter.model", "filter.tool", "filter.sku" })
            Assert.Contains(field, refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_metric_is_a_number_within_a_million_millions()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        EndSessionRequest request = new()
        {
            RequestId = "end",
            SessionToken = opened.SessionToken,
            Outcome = new Outcome { Metrics = { ["huge"] = 1_000_000_000_001, ["low"] = -1_000_000_000_000 } },
        };

        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            () => silo.CallAsync<EndSessionRequest, EndSessionResponse>("EndSession", request));

        Assert.Contains("outcome.metrics[huge]", refused.Status.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("outcome.metrics[low]", refused.Status.Detail, StringComparison.Ordinal);
    }

    private static async Task WorkAsync(TestSilo silo, string agent, string useCase, long cost, double? quotes)
    {
        string token = (await silo.OpenAsync(silo.AdminKey, agent, useCase)).SessionToken;
        string held = (await silo.ReserveAsync(token, "r1", cost)).Reservation.ReservationId;
        await silo.CommitAsync(token, "c1", held, cost);
        Outcome outcome = new() { Status = Outcome.Types.Status.Failure };
        if (quotes is { } bound)
        {
            outcome.Status = Outcome.Types.Status.Success;
            outcome.Metrics["quotesBound"] = bound;
        }

        await silo.CallAsync<EndSessionRequest, EndSessionResponse>(
            "EndSession", new EndSessionRequest { RequestId = "e1", SessionToken = token, Outcome = outcome });
    }

    private static Task<GetUnitCostsResponse> GetAsync(TestSilo silo, string bearer) =>
        silo.CallAsync<GetUnitCostsRequest, GetUnitCostsResponse>(
            "GetUnitCosts", new GetUnitCostsRequest { GroupBy = { "use_case" } }, bearer);
}
