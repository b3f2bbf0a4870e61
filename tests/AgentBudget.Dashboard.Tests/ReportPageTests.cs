using System.Net;
using System.Net.Http.Headers;
using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Dashboard.Text;
using AgentBudget.Protocol.V1;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests;

/// <summary>Reports of a ledger with a hundred days in it: each page shows what the API answers.</summary>
[Collection(Pages.Name)]
public sealed class ReportPageTests(PastSite site) : IClassFixture<PastSite>
{
    private static readonly string[] ReportPages =
    [
        "reports/forecast", "reports/forecast?of=useCases/promo", "reports/forecast?of=useCases/leads",
        "reports/initiatives", "reports/initiatives?of=useCases/promo", "reports/anomalies", "reports/savings",
        "reports/adjacency", "reports/runs", "reports/focus", "agents/writer", "",
    ];

    [Theory]
    [InlineData(ColorScheme.Light, Look.Wide)]
    [InlineData(ColorScheme.Dark, Look.Wide)]
    [InlineData(ColorScheme.Light, Look.Narrow)]
    [InlineData(ColorScheme.Dark, Look.Narrow)]
    public async Task Every_report_is_fit_to_look_at(ColorScheme theme, int width)
    {
        await using Visit visit = await site.SignInAsync(Role.Admin, theme, width, Look.HeightOf(width));
        string run = (await MiddleRunAsync()).Run;
        foreach (string page in ReportPages.Append($"reports/runs?run={Names.Short(run)}"))
        {
            await visit.GoAsync(page);
            await visit.Page.WaitForTimeoutAsync(200);
            Assert.True(await visit.Page.EvaluateAsync<bool>("() => window.xss === undefined"), page);
            Assert.Empty(await visit.Page.EvaluateAsync<string[]>("""
                () => [...document.querySelectorAll('main img, main script, main [style]')].map(one => one.outerHTML)
                """));
            await Look.AtAsync(visit, NameOf(page), theme, width, isWhole: true);
        }

        await visit.Page.ClickAsync("[title='Who you are']");
        await visit.SeeAsync("signed in until");
        await Look.AtAsync(visit, "who", theme, width);
    }

    [Fact]
    public async Task A_budget_that_runs_out_is_on_the_overview_and_its_forecast_has_a_band_and_says_how_wrong_it_was()
    {
        GetForecastResponse answer = await site.Client.CallAsync(
            site.Client.Reports.GetForecastAsync,
            new GetForecastRequest { Grain = "useCases/leads" },
            CancellationToken.None);
        WindowForecast window = Assert.Single(answer.Windows);
        Assert.NotNull(window.ExhaustionTime);
        Assert.NotNull(window.Accuracy);
        string day = Amounts.Date(window.ExhaustionTime, TimeZoneInfo.Utc);
        await using Visit visit = await site.SignInAsync(Role.Finance);

        await visit.GoAsync("");
        await Assertions.Expect(visit.Page.Locator("[data-test=exhausted] li").First).ToContainTextAsync(day);
        await visit.Page.ClickAsync("[data-test=exhausted] li:first-child a");
        await visit.ReadyAsync();

        Assert.Equal("/reports/forecast?of=useCases%2Fleads", visit.Place);
        await Assertions.Expect(visit.Page.Locator("dd[data-test=exhausted]")).ToHaveTextAsync(
            Amounts.Day(window.ExhaustionTime));
        await Assertions.Expect(visit.Page.Locator("[data-test=expected]")).ToHaveTextAsync(
            Amounts.Text(window.Expected));
        Assert.Equal(1, await visit.Page.Locator("svg.chart.wide-only polygon.likely").CountAsync());
        string shown = await visit.TextAsync();
        Assert.Contains($"{Amounts.Text(window.Low)} to {Amounts.Text(window.High)}", shown, StringComparison.Ordinal);
        Assert.Contains(
            $"said {Amounts.Text(window.Accuracy.LastForecast)}, came to {Amounts.Text(window.Accuracy.LastActual)}",
            shown,
            StringComparison.Ordinal);
        await visit.GoAsync("reports/forecast");
        await Assertions.Expect(visit.Page.Locator("tbody tr").First).ToContainTextAsync(day);
    }

    [Fact]
    public async Task What_stands_out_says_against_what_how_sure_and_leads_to_the_session_that_did_it()
    {
        GetAnomaliesResponse answer = await site.Client.CallAsync(
            site.Client.Reports.GetAnomaliesAsync, new GetAnomaliesRequest(), CancellationToken.None);
        Anomaly run = answer.Anomalies.First(found => found.Rule == AnomalyRule.RunSubagents);
        Assert.Equal(site.Past.Runaway, run.Grain);
        await using Visit visit = await site.SignInAsync(Role.Finance);
        await visit.GoAsync("reports/anomalies");

        ILocator rows = visit.Page.Locator("[aria-label='What stands out'] tbody tr");
        Assert.Equal(answer.Anomalies.Count, await rows.CountAsync());
        ILocator row = rows.Filter(new LocatorFilterOptions { HasText = "many subagents" });
        await Assertions.Expect(row).ToContainTextAsync(
            $"{Past.RunawaySubagents} subagents, {run.Subagents.Expected} expected");
        await Assertions.Expect(row).ToContainTextAsync(Amounts.Text(run.Cost));
        await Assertions.Expect(row).ToContainTextAsync(Amounts.Text(run.Expected));
        ILocator cried = visit.Page.Locator("[aria-label='How often each rule cried'] tbody tr");
        Assert.Equal(answer.Replays.Count, await cried.CountAsync());

        await visit.GoAsync("agents/writer");
        ILocator own = visit.Page.Locator("[aria-label='What stands out of this agent'] tbody tr");
        await Assertions.Expect(own.First).ToContainTextAsync("dear");
        await visit.GoAsync("reports/anomalies");
        await row.Locator("td.links a").First.ClickAsync();
        await visit.Page.WaitForURLAsync("**/sessions/*");
    }

    [Fact]
    public async Task What_could_be_saved_has_its_amount_and_the_numbers_that_it_follows_from()
    {
        GetRecommendationsResponse answer = await site.Client.CallAsync(
            site.Client.Reports.GetRecommendationsAsync, new GetRecommendationsRequest(), CancellationToken.None);
        Recommendation failed = answer.Recommendations.Single(told => told.Kind == RecommendationKind.FailedRuns);
        Recommendation unused = answer.Recommendations.First(told => told.Kind == RecommendationKind.UnusedBudget);
        await using Visit visit = await site.SignInAsync(Role.Finance);
        await visit.GoAsync("reports/savings");

        ILocator rows = visit.Page.Locator("tbody tr");
        Assert.Equal(answer.Recommendations.Count, await rows.CountAsync());
        ILocator row = rows.Filter(new LocatorFilterOptions { HasText = "look at runs that fail" });
        await Assertions.Expect(row).ToContainTextAsync(Amounts.Text(failed.Amount));
        await Assertions.Expect(row).ToContainTextAsync(
            string.Join(" · ", failed.Numbers.Select(number => $"{number.Name} {number.Value}")));
        await Assertions.Expect(rows.Filter(new LocatorFilterOptions { HasText = "lower the budget" }).First)
            .ToContainTextAsync(Amounts.Text(unused.Amount));
    }

    [Fact]
    public async Task Use_cases_that_belong_together_are_drawn_and_listed_with_their_evidence()
    {
        GetAdjacencyResponse answer = await site.Client.CallAsync(
            site.Client.Reports.GetAdjacencyAsync, new GetAdjacencyRequest(), CancellationToken.None);
        AdjacentUseCases handed = answer.Pairs.Single(
            pair => pair.Delegations.Any(work => work.From == "useCases/promo"));
        await using Visit visit = await site.SignInAsync(Role.Auditor);
        await visit.GoAsync("reports/adjacency");

        Assert.Equal(answer.Pairs.Count, await visit.Page.Locator("svg.arcs path").CountAsync());
        string shown = await visit.TextAsync();
        Assert.Contains(
            $"promo hands work to leads: {handed.Delegations[0].Sessions} subagents", shown, StringComparison.Ordinal);
        Assert.Contains("users of both: ", shown, StringComparison.Ordinal);
        Assert.Contains("agents of both: helper", shown, StringComparison.Ordinal);
        Assert.Contains("< 0.0001", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_is_a_tree_of_its_sessions_models_and_tags_that_adds_up()
    {
        (string run, decimal total) = await MiddleRunAsync();
        await using Visit visit = await site.SignInAsync(Role.Finance);

        await visit.GoAsync("reports/runs");
        await Assertions.Expect(visit.Page.Locator("tbody tr").First).ToContainTextAsync(
            Names.Short(site.Past.Runaway));
        await visit.Page.FillAsync("[data-find]", Names.Short(run));
        await visit.Page.ClickAsync("text=Show");
        await visit.ReadyAsync();

        await Assertions.Expect(visit.Page.Locator("[data-test=total]")).ToHaveTextAsync(Amounts.Text(total));
        // Two sessions; the root has two models and the subagent one, each with its tags.
        await Assertions.Expect(visit.Page.Locator("table.tree tbody tr")).ToHaveCountAsync(8);
        await Assertions.Expect(visit.Page.Locator("table.tree tbody tr.more").Nth(1)).ToContainTextAsync("customer");
    }

    [Fact]
    public async Task Of_a_run_with_more_lines_the_first_thousand_are_shown()
    {
        await using Visit visit = await site.SignInAsync(Role.Finance);
        await visit.GoAsync("reports/runs");
        await visit.Page.ClickAsync($"[aria-label='Layers of {site.Past.Runaway}']");
        await visit.UntilAsync("document.querySelectorAll('table.tree tbody tr').length === 1000");
        await visit.SeeAsync("The first 1,000 lines");
    }

    [Fact]
    public async Task An_initiative_that_is_worth_it_goes_and_another_stops()
    {
        await using Visit visit = await site.SignInAsync(Role.Finance);
        await visit.GoAsync("reports/initiatives");

        ILocator rows = visit.Page.Locator("tbody tr");
        await Assertions.Expect(rows.Filter(new LocatorFilterOptions { HasText = "leads" })).ToContainTextAsync("stop");
        await Assertions.Expect(rows.Filter(new LocatorFilterOptions { HasText = "promo" })).ToContainTextAsync(
            "it is well worth what it costs");
        await visit.Page.ClickAsync("tbody a[title='useCases/leads']");
        await visit.SeeAsync("it is worth less than it costs");
        await Assertions.Expect(visit.Page.Locator("[aria-label=Outcomes]")).ToContainTextAsync("dealsWon");
        GetInitiativeResponse answer = await site.Client.CallAsync(
            site.Client.Reports.GetInitiativeAsync,
            new GetInitiativeRequest { UseCase = "useCases/leads" },
            CancellationToken.None);
        await Assertions.Expect(visit.Page.Locator("[data-test=return]")).ToHaveTextAsync(
            Amounts.Times(answer.ReturnMilli / 1_000.0));
    }

    [Theory]
    [InlineData("1.2")]
    [InlineData("1.3")]
    public async Task A_FOCUS_file_is_the_one_that_the_API_gives(string version)
    {
        DateTime last = TimeProvider.System.GetUtcNow().UtcDateTime.Date.AddDays(-1);
        (string from, string to) = ($"{last.AddDays(-9):yyyy-MM-dd}", $"{last:yyyy-MM-dd}");
        await using Visit visit = await site.SignInAsync(Role.Finance);
        await visit.GoAsync("reports/focus");
        await visit.Page.FillAsync("[name=from]", from);
        await visit.Page.FillAsync("[name=to]", to);
        await visit.Page.SelectOptionAsync("[name=version]", version);
        await visit.Page.CheckAsync("[name=sessions]");

        IDownload download = await visit.Page.RunAndWaitForDownloadAsync(() => visit.Page.ClickAsync("text=Download"));
        string saved = await File.ReadAllTextAsync(await download.PathAsync());

        using HttpClient http = new();
        http.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Bearer", site.Secrets[Role.Finance]);
        string given = await http.GetStringAsync(new Uri(site.Silo.HttpAddress,
            $"reports/focus.csv?start={from}T00:00:00Z&end={last.AddDays(1):yyyy-MM-dd}T00:00:00Z"
                + $"&version={version}&detail=session"));
        Assert.Equal($"focus-{from}-{to}.csv", download.SuggestedFilename);
        Assert.Equal(given, saved);
        Assert.Contains(version == "1.3" ? "ServiceProviderName" : "ProviderName", saved, StringComparison.Ordinal);
        Assert.True(saved.Split('\n').Length > 100, $"{saved.Split('\n').Length} lines");
    }

    [Theory]
    [InlineData(Role.Finance, "", HttpStatusCode.BadRequest, "from which day to which")]
    [InlineData(Role.Finance, "from=2026-13-01&to=2026-11-30", HttpStatusCode.BadRequest, "from which day to which")]
    [InlineData(Role.Finance, "from=2026-11-30&to=2026-11-01", HttpStatusCode.BadRequest, "That did not work")]
    [InlineData(Role.Finance, "from=2026-11-01&to=2026-11-30&version=9", HttpStatusCode.BadRequest, "version")]
    [InlineData(Role.Owner, "from=2026-11-01&to=2026-11-30", HttpStatusCode.Forbidden, "Not for this role")]
    [InlineData(Role.Agent, "from=2026-11-01&to=2026-11-30", HttpStatusCode.Forbidden, "Not for this role")]
    public async Task A_file_that_cannot_be_says_why(Role role, string query, HttpStatusCode status, string why)
    {
        await using Visit visit = await site.SignInAsync(role);
        visit.TakeComplaints();

        string[] answer = await visit.Page.EvaluateAsync<string[]>(
            """
            async path => {
              const answer = await fetch(path);
              return [String(answer.status), await answer.text()];
            }
            """,
            $"export/focus.csv?{query}");

        Assert.Equal(((int)status).ToString(System.Globalization.CultureInfo.InvariantCulture), answer[0]);
        Assert.Contains(why, answer[1], StringComparison.Ordinal);
        visit.TakeComplaints(); // Of the status.
    }

    // A run of the writer's promo as they usually are.
    private async Task<(string Run, decimal Total)> MiddleRunAsync()
    {
        GetChargebackResponse runs = await site.Client.CallAsync(
            site.Client.Reports.GetChargebackAsync,
            new GetChargebackRequest
            {
                GroupBy = { "run" },
                Filter = new ReportFilter { Agent = "agents/writer", UseCase = "useCases/promo", Model = "small" },
            },
            CancellationToken.None);
        string run = runs.Rows[0].Keys["run"];
        GetRunCostsResponse costs = await site.Client.CallAsync(
            site.Client.Reports.GetRunCostsAsync, new GetRunCostsRequest { Run = run }, CancellationToken.None);
        return (run, Amounts.Of(costs.Total));
    }

    private static string NameOf(string page)
    {
        string name = page.Length == 0 ? "overview-past" : page.Split('?')[0].Replace('/', '-');
        return page.Contains("of=", StringComparison.Ordinal) ? $"{name}-{page.Split('/')[^1]}"
            : page.Contains("run=", StringComparison.Ordinal) ? $"{name}-one"
            : name;
    }
}
