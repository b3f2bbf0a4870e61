using System.Globalization;
using AgentBudget.Cli.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Tests;

public sealed class ReconcileCommandTests(CliBudget budget) : IClassFixture<CliBudget>
{
    [Fact]
    public async Task An_export_is_held_against_the_ledger_and_its_difference_is_charged_once()
    {
        await budget.SpendAsync(3_000_000);
        string same = FileOf("same.json", input: 3_000_000, cached: 0);
        string more = FileOf("more.json", input: 3_500_000, cached: 0);

        CliResult matched = await budget.RunAsync("report", "reconcile", "openai", same, "--model", "gpt=m");
        CliResult differs =
            await budget.RunAsync("report", "reconcile", "openai", more, "--model", "gpt=m", "-o", "csv");
        CliResult unknown = await budget.RunAsync("report", "reconcile", "openai", same, "-o", "csv");

        Assert.Contains("Everything matches", matched.Done().All, StringComparison.Ordinal);
        Assert.Equal(1, differs.ExitCode);
        Assert.Contains(
            ",m,input,standard,differs,3000000,3500000,3,,0.5,", differs.Output, StringComparison.Ordinal);
        Assert.Contains(
            ",gpt,input,standard,missing here,0,3000000,0,,,", unknown.Output, StringComparison.Ordinal);

        string[] adjust = ["report", "reconcile", "openai", more, "--model", "gpt=m", "--adjust", "useCases/leads"];
        CliResult charged = await budget.RunAsync(adjust);
        CliResult again = await budget.RunAsync(adjust);

        Assert.Contains("0.5 was charged to useCases/leads", charged.All, StringComparison.Ordinal);
        Assert.Contains("0.5 was charged to useCases/leads", again.All, StringComparison.Ordinal);
        GetBalanceResponse balance = await budget.Client.CallAsync(
            budget.Client.Budgets.GetBalanceAsync,
            new GetBalanceRequest { Grain = "useCases/leads" },
            CancellationToken.None);
        Assert.Equal((0, 500_000_000), (balance.Grains[0].Settled.Units, balance.Grains[0].Settled.Nanos));
    }

    [Fact]
    public async Task A_bad_export_is_refused_before_anything_is_asked()
    {
        string bad = budget.FileOf("bad.csv", "Date,MeterName,Quantity,UnitOfMeasure,CostInBillingCurrency\na,b,c\n");
        string good = FileOf("good.json", input: 1, cached: 0);
        string negative = FileOf("negative.json", input: 1, cached: 2);

        CliResult row = await budget.RunAsync("report", "reconcile", "azure", bad);
        CliResult field = await budget.RunAsync("report", "reconcile", "openai", negative);
        CliResult format = await budget.RunAsync("report", "reconcile", "acme", good);
        CliResult missing = await budget.RunAsync("report", "reconcile", "openai", bad + "x");

        Assert.Contains("row 2: has 3 columns", row.All, StringComparison.Ordinal);
        Assert.Contains("data[0].results[0].input_cached_tokens", field.All, StringComparison.Ordinal);
        Assert.Contains("acme is none of openai", format.All, StringComparison.Ordinal);
        Assert.Equal(
            (65, 65, 64, 66), (row.ExitCode, field.ExitCode, format.ExitCode, missing.ExitCode));
    }

    private string FileOf(string name, long input, long cached)
    {
        long day = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 86_400 * 86_400;
        return budget.FileOf(name, string.Create(CultureInfo.InvariantCulture, $$"""
            {"data":[{"start_time":{{day}},"results":[{"input_tokens":{{input}},"input_cached_tokens":{{cached}},
             "output_tokens":0,"model":"gpt","batch":false}]}]}
            """));
    }
}
