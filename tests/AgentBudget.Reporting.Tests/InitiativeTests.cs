using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Initiatives;

namespace AgentBudget.Reporting.Tests;

public sealed class InitiativeTests : IDisposable
{
    private readonly ReportFile _file = new();
    private readonly Aggregator _aggregator;

    public InitiativeTests() => _aggregator = Aggregator.Open(_file.Path);

    public void Dispose()
    {
        _aggregator.Dispose();
        _file.Dispose();
    }

    [Theory]
    // Twenty runs of 4 units each, 80 in all; each gains two and a half quotes over its baseline.
    [InlineData(1.0, 0, 50, 100, InitiativeVerdict.Stop, "ReturnBelowStop")]
    [InlineData(1.6, 0, 50, 100, InitiativeVerdict.Watch, "ReturnBetween")]
    [InlineData(2.4, 0, 50, 100, InitiativeVerdict.Go, "ReturnAboveGo")]
    [InlineData(2.4, 0, 101, 100, InitiativeVerdict.Watch, "ReturnAboveGo ForecastAboveBudget")]
    [InlineData(2.4, 101, 50, 100, InitiativeVerdict.Go, "ReturnAboveGo ForecastMayExceed")]
    [InlineData(2.4, 0, 50, null, InitiativeVerdict.Watch, "ReturnAboveGo NoBudget")]
    [InlineData(1.0, 0, 50, null, InitiativeVerdict.Stop, "ReturnBelowStop NoBudget")]
    [InlineData(null, 0, 50, 100, InitiativeVerdict.Watch, "NoValue")]
    public void The_return_decides_and_a_budget_that_does_not_suffice_holds_it_back(
        double? worth, int high, int expected, int? cap, InitiativeVerdict verdict, string reasons)
    {
        Fold(runs: 20, worth);

        GetInitiativeResponse answer = Ask(high, expected, cap);

        Assert.Equal(verdict, answer.Verdict);
        Assert.Equal(reasons.Split(' '), answer.Reasons.Select(reason => reason.ToString()));
        Assert.Equal((80L, 20L, 20L), (answer.Cost.Units, answer.Runs, answer.SuccessfulRuns));
        OutcomeValue quotes = Assert.Single(answer.Outcomes);
        Assert.Equal(("quotes", 20L, 50_000_000L), (quotes.Metric, quotes.Runs, quotes.DeltaMillionths));
        Assert.Equal(worth is null, quotes.Value is null);
        Assert.Equal(worth is not null, answer.HasReturnMilli);
        if (worth is not { } each) return;
        Assert.Equal((long)(each * 50_000) / 80, answer.ReturnMilli);
        Assert.Equal(answer.Value, quotes.Value);
        Assert.Equal((decimal)each * 50, answer.Value.Units + (answer.Value.Nanos / 1_000_000_000m));
    }

    [Fact]
    public void Of_few_runs_and_of_none_nothing_is_said()
    {
        Assert.Equal(
            [InitiativeReason.NoValue, InitiativeReason.FewRuns, InitiativeReason.NoCost],
            Ask(0, 0, 100).Reasons);
        Fold(runs: 19, 2.4);

        GetInitiativeResponse answer = Ask(0, 50, 100);

        Assert.Equal(InitiativeVerdict.Watch, answer.Verdict);
        Assert.Equal([InitiativeReason.FewRuns], answer.Reasons);
    }

    private void Fold(int runs, double? worth)
    {
        var ledger = new RunLedgers();
        ledger.Catalog(("u0", "quotes", 0.5));
        OutcomeRule rule = ledger.Events[0].CatalogApplied.Catalog.UseCases[0].Outcomes["quotes"];
        if (worth is { } each)
            rule.Value = new Money { Units = (long)each, Nanos = (int)Math.Round(each % 1 * 1_000_000_000) };
        for (int number = 0; number < runs; number++)
        {
            string run = ledger.Open(number);
            ledger.Settle(run, 4_000_000_000);
            ledger.End(run, RunLedgers.Success(("quotes", 3)));
        }

        _aggregator.Fold(Ledgers.Tenant, ledger.Events);
    }

    private GetInitiativeResponse Ask(int high, int expected, int? cap)
    {
        var window = new WindowForecast
        {
            Expected = new Money { Units = expected },
            High = high == 0 ? null : new Money { Units = high },
            HardCap = cap is { } limit ? new Money { Units = limit } : null,
        };
        var query = new InitiativeQuery("useCases/u0", new ReportPeriod(), GoMilli: 1_500, StopMilli: 1_000);
        GetInitiativeResponse answer = _aggregator.GetInitiative(Ledgers.Tenant, query, [window]);
        Assert.Equal([window], answer.Windows);
        return answer;
    }
}
