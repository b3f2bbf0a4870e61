using System.Net;
using System.Net.Http.Headers;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Silo.Tests;

/// <summary>Finance's reports by the whole silo: who may ask, what is refused, that sums are the ledger's.</summary>
public sealed class FinanceReportTests
{
    private static readonly string Catalog = Identity.Catalog.Replace(
        "businessUnit: marketing, budget: { limit: 100, period: none }",
        "businessUnit: marketing, budget: { limit: 100, period: none }, "
            + "outcomes: { quotesBound: { unit: quotes, baseline: 120, value: 0.50 } }",
        StringComparison.Ordinal);

    [Fact]
    public async Task Each_report_is_answered_to_finance_and_to_no_agent()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalog);
        OpenSessionResponse opened = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        ReserveTokensResponse held = await silo.SpendAsync(silo.AdminKey, opened.SessionToken);
        await silo.CallAsync<CommitTokensRequest, CommitTokensResponse>("CommitTokens", new CommitTokensRequest
        {
            RequestId = Identity.NextId(),
            SessionToken = opened.SessionToken,
            ReservationId = held.Reservation.ReservationId,
            Usage = new TokenUsage { InputTokens = 400, OutputTokens = 100 },
        });
        await silo.CallAsync<EndSessionRequest, EndSessionResponse>("EndSession", new EndSessionRequest
        {
            RequestId = Identity.NextId(),
            SessionToken = opened.SessionToken,
            Outcome = new Outcome { Status = Outcome.Types.Status.Success, Metrics = { ["quotesBound"] = 131 } },
        });
        string finance = await silo.SecretAsync(Role.Finance, "desk");
        string agent = await silo.SecretAsync(Role.Agent, "agents/writer");
        GetChargebackResponse spend = await silo.CallAsync<GetChargebackRequest, GetChargebackResponse>(
            "GetChargeback", new GetChargebackRequest());

        var anomalies = GetAnomaliesResponse.Parser.ParseJson(
            await OkAsync(silo, finance, "anomalies?grain=useCases/promo"));
        var adjacency = GetAdjacencyResponse.Parser.ParseJson(await OkAsync(silo, finance, "adjacency"));
        var run = GetRunCostsResponse.Parser.ParseJson(
            await OkAsync(silo, finance, $"run-costs?run={opened.Session.Session_}"));
        var initiative = GetInitiativeResponse.Parser.ParseJson(
            await OkAsync(silo, finance, "initiative?useCase=useCases/promo"));
        var advice = GetRecommendationsResponse.Parser.ParseJson(
            await OkAsync(silo, finance, "recommendations?floor.units=0"));

        Assert.Equal((1L, 4), (anomalies.Entities, anomalies.Replays.Count));
        Assert.Empty(anomalies.Anomalies);
        Assert.Equal(1, adjacency.UseCases);
        Assert.Equal(spend.Total.Cost, run.Total);
        Assert.Equal(opened.Session.Session_, Assert.Single(run.Nodes).Session);
        Assert.Equal((InitiativeVerdict.Watch, 1L), (initiative.Verdict, initiative.Runs));
        Assert.Equal((5, 500_000_000), (initiative.Value.Units, initiative.Value.Nanos)); // 11 quotes more.
        Assert.Equal(spend.Total.Cost, initiative.Cost);
        Assert.Equal(spend.Total.Cost, advice.Cost);
        foreach (long sequence in (long[])[adjacency.Sequence, run.Sequence, initiative.Sequence, advice.Sequence])
            Assert.True(sequence >= spend.Sequence, $"{sequence} and {spend.Sequence}");
        foreach (string report in (string[])
        [
            "anomalies", "adjacency", "run-costs?run=sessions/s1", "initiative?useCase=useCases/promo",
            "recommendations",
        ])
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await GetAsync(silo, agent, report)).Status);
        }
    }

    [Theory]
    [InlineData("anomalies?period.startTime=2026-11-02T00:00:00Z&period.endTime=2026-11-02T00:00:00Z", "period.end_time")]
    [InlineData("anomalies?period.startTime=2016-11-02T00:00:00Z&period.endTime=2026-11-02T00:00:00Z", "period.end_time")]
    [InlineData("anomalies?grain=businessUnits/marketing", "grain")]
    [InlineData("anomalies?grain=promo", "grain")]
    [InlineData("anomalies?floor.units=-1", "floor")]
    [InlineData("anomalies?floor.units=1&floor.currencyCode=JPY", "floor.currency_code")]
    [InlineData("adjacency?period.startTime=2016-11-02T00:00:00Z", "period.end_time")]
    [InlineData("run-costs?run=promo", "run")]
    [InlineData("run-costs", "run")]
    [InlineData("initiative", "use_case")]
    [InlineData("initiative?useCase=agents/writer", "use_case")]
    [InlineData("initiative?useCase=useCases/promo&goMilli=-1", "go_milli")]
    [InlineData("initiative?useCase=useCases/promo&goMilli=1000&stopMilli=1001", "stop_milli")]
    [InlineData("recommendations?period.startTime=2016-11-02T00:00:00Z", "period.end_time")]
    [InlineData("recommendations?floor.units=1&floor.currencyCode=JPY", "floor.currency_code")]
    public async Task What_is_wrong_with_a_question_is_named(string report, string field)
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalog);

        (HttpStatusCode status, string text) = await GetAsync(silo, silo.AdminKey, report);

        Assert.True(status == HttpStatusCode.BadRequest, text);
        text = text.Replace(" ", "", StringComparison.Ordinal);
        Assert.Contains($"\"field\":\"{field}\"", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run-costs?run=sessions/s999")]
    [InlineData("initiative?useCase=useCases/none")]
    public async Task What_is_not_there_is_not_found(string report)
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalog);

        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(silo, silo.AdminKey, report)).Status);
    }

    private static async Task<string> OkAsync(TestSilo silo, string bearer, string report)
    {
        (HttpStatusCode status, string text) = await GetAsync(silo, bearer, report);
        Assert.True(status == HttpStatusCode.OK, $"{report}: {text}");
        return text;
    }

    private static async Task<(HttpStatusCode Status, string Text)> GetAsync(
        TestSilo silo, string bearer, string report)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, $"http://{silo.Host.Http}/v1/reports/{report}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
