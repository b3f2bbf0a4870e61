using AgentBudget.Dashboard.Components.Parts;
using AgentBudget.Dashboard.Reading;
using AgentBudget.Dashboard.SigningIn;
using AgentBudget.Dashboard.Text;
using AgentBudget.Protocol.V1;
using Bunit;

namespace AgentBudget.Dashboard.Tests;

/// <summary>What report pages are made of.</summary>
public sealed class ReportPartTests : BunitContext
{
    private static readonly DateTimeOffset Now = new(2026, 11, 20, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");

    [Theory]
    [InlineData("day", "2026-11-30T23:00:00Z", "2026-11-29T23:00:00Z")]
    [InlineData("week", "2026-11-01T23:00:00Z", "2026-10-25T23:00:00Z")]
    [InlineData("month", "2026-10-31T23:00:00Z", "2026-09-30T22:00:00Z")] // Summer time ended within it.
    [InlineData("quarter", "2026-12-31T23:00:00Z", "2026-09-30T22:00:00Z")]
    [InlineData("year", "2026-12-31T23:00:00Z", "2025-12-31T23:00:00Z")]
    [InlineData("none", "2026-12-31T23:00:00Z", null)]
    public void A_window_began_a_period_before_it_ends_in_the_tenants_time(string window, string end, string? start) =>
        Assert.Equal(
            start is null ? null : DateTimeOffset.Parse(start, System.Globalization.CultureInfo.InvariantCulture),
            SpendLine.StartOf(
                window, DateTimeOffset.Parse(end, System.Globalization.CultureInfo.InvariantCulture), Berlin));

    [Fact]
    public void A_line_of_spend_ends_at_what_is_settled()
    {
        SpendLine line = SpendLine.Of(
            Now.AddDays(-2),
            Now.AddDays(8),
            [(Now.AddDays(-1), 30m), (Now, 15m), (Now.AddDays(1), 5m)],
            Now,
            settled: 60m);

        Assert.Equal(
            [(Now.AddDays(-2), 10m), (Now.AddDays(-1), 40m), (Now, 60m)], line.Points);
    }

    [Fact]
    public void A_band_is_as_long_as_what_it_shows()
    {
        WindowForecast window = new()
        {
            Settled = Dollars(26),
            Low = Dollars(52),
            High = Dollars(78),
            Expected = Dollars(65),
            HardCap = Dollars(100),
        };

        IRenderedComponent<BandBar> band = Render<BandBar>(parameters => parameters.Add(part => part.Of, window));

        Assert.Equal("250", band.Find(".settled").GetAttribute("width"));
        Assert.Equal("500", band.Find(".likely").GetAttribute("x"));
        Assert.Equal("250", band.Find(".likely").GetAttribute("width"));
        Assert.Equal("622", band.Find(".expected").GetAttribute("x"));
        Assert.Equal("958", band.Find(".cap").GetAttribute("x"));
        Assert.Contains("52.00 to 78.00", band.Find("svg").GetAttribute("aria-label"), StringComparison.Ordinal);
        window.Low = window.High = null;
        Assert.Empty(Render<BandBar>(parameters => parameters.Add(part => part.Of, window)).FindAll(".likely"));
    }

    [Theory]
    [InlineData(110, 100, "10% high")]
    [InlineData(93.2, 100, "6.8% low")]
    [InlineData(100, 100, "right")]
    [InlineData(5, 0, "")]
    public void How_wrong_the_last_forecast_was_is_told_by_its_side(double said, double came, string text) =>
        Assert.Equal(text, new BudgetForecast("useCases/a", new WindowForecast
        {
            Accuracy = new ForecastAccuracy
            {
                LastForecast = Dollars((decimal)said),
                LastActual = Dollars((decimal)came),
            },
        }, 700).LastErrorText);

    [Fact]
    public void A_runs_layers_are_sessions_then_models_then_tags_and_each_sums_up()
    {
        GetRunCostsResponse answer = new() { Total = Dollars(9) };
        answer.Nodes.Add(new RunCostNode
        {
            Session = "sessions/s1",
            Agent = "agents/a",
            Own = Dollars(6),
            Whole = Dollars(9),
            Lines =
            {
                Line("m", 1, "kim"), Line("m", 3, "lee"), Line("search", 2, "kim", isTool: true),
            },
        });
        answer.Nodes.Add(new RunCostNode
        {
            Session = "sessions/s2",
            Parent = "sessions/s1",
            Depth = 1,
            Own = Dollars(3),
            Whole = Dollars(3),
            Lines = { Line("m", 3, "") },
        });

        RunLayer[] lines = [.. RunLayer.LinesOf(answer)];

        Assert.Equal(
            [
                (0, "sessions/s1", 9m, 60L),
                (1, "m", 4m, 40L),
                (2, "customer lee", 3m, 30L),
                (2, "customer kim", 1m, 10L),
                (1, "search", 2m, 20L),
                (2, "customer kim", 2m, 20L),
                (1, "sessions/s2", 3m, 30L),
                (2, "m", 3m, 30L),
            ],
            lines.Select(line => (line.Depth, line.Name, line.Whole, line.Tokens)));
        Assert.Equal((6m, "agents/a"), (lines[0].Own, lines[0].Of.Agent));
    }

    [Fact]
    public void Two_that_belong_together_are_joined_by_an_arc()
    {
        AdjacentUseCases pair = new()
        {
            First = "useCases/<b>",
            FirstBusinessUnit = "businessUnits/x",
            Second = "useCases/leads",
            SecondBusinessUnit = "businessUnits/y",
            Cost = Dollars(5),
            Delegations = { new DelegatedWork() },
            Movement = new SpendMovement(),
        };

        IRenderedComponent<AdjacencyGraph> graph =
            Render<AdjacencyGraph>(parameters => parameters.Add(part => part.Pairs, [pair]));

        Assert.Equal("2", Assert.Single(graph.FindAll("path.arc.handed")).GetAttribute("stroke-width"));
        Assert.Equal(["<b>", "leads"], graph.FindAll("text.node").Select(node => node.LastChild!.TextContent));
        Assert.DoesNotContain("style=", graph.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dead_letter_is_sent_again_by_whoever_may()
    {
        Delivery dead = new()
        {
            Delivery_ = "evt_acme_7_0",
            Endpoint = "notification-endpoints/n3",
            Kind = NoticeKind.BudgetExhausted,
            Subject = "useCases/promo",
            State = DeliveryState.Dead,
            Attempts = 10,
            Error = "no answer",
        };
        List<Delivery> sent = [];
        IRenderedComponent<DeliveryTable> table = Render<DeliveryTable>(parameters => parameters
            .Add(part => part.Deliveries, [dead])
            .Add(part => part.MayReplay, true)
            .Add(part => part.OnReplay, sent.Add));

        Assert.Equal("given up", table.Find(".tag.bad").TextContent);
        await table.Find("button").ClickAsync();

        Assert.Equal([dead], sent);
        IRenderedComponent<DeliveryTable> auditors =
            Render<DeliveryTable>(parameters => parameters.Add(part => part.Deliveries, [dead]));
        Assert.Empty(auditors.FindAll("button"));
    }

    [Theory]
    [InlineData("written_above_nanos", 1_500_000_000, "written above 1.50")]
    [InlineData("succeeded_ppm", 990_000, "succeeded 99%")]
    [InlineData("repeated_tokens", 1_200_000, "repeated tokens 1.2M")]
    [InlineData("refused_that_fit", 1_234, "refused that fit 1,234")]
    public void A_number_is_told_in_its_unit(string name, long value, string text) =>
        Assert.Equal(text, Findings.Of(new RecommendationNumber { Name = name, Value = value }));

    [Theory]
    [InlineData("extension-requests/x12", "approvals")]
    [InlineData("credentials/c17", null)]
    [InlineData("notification-endpoints/n3", null)]
    public void What_a_notice_is_about_leads_to_its_page(string name, string? page) =>
        Assert.Equal(page, Names.PageOf(name));

    [Theory]
    [InlineData("abf_acme.c17.secret_-x", "acme.c17")]
    [InlineData("abk_big.corp.c9.secret", "big.corp.c9")]
    [InlineData("abk_operatorssecret_-", "")]
    public void A_credential_names_itself_and_its_tenant(string credential, string keyId) =>
        Assert.Equal(
            keyId,
            new SignedIn("id", credential, null, ViewerRole.Finance, Now) { Client = null! }.KeyId);

    [Theory]
    [InlineData("from=2026-11-01&to=2026-11-30&version=1.3&sessions=on&granularity=hour&costs=exact", true)]
    [InlineData("from=2026-11-01", false)]
    [InlineData("from=1.11.2026&to=30.11.2026", false)]
    [InlineData("from=9999-12-31&to=9999-12-31", false)]
    public void A_files_address_is_days_the_last_included(string query, bool isRead)
    {
        Microsoft.AspNetCore.Http.QueryCollection parts = new(
            Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(query));

        ExportFocusRequest? request = FocusQuery.Read(parts);

        Assert.Equal(isRead, request is not null);
        if (request is null) return;
        Assert.Equal(
            (new DateTime(2026, 11, 1), new DateTime(2026, 12, 1)),
            (request.Period.StartTime.ToDateTime(), request.Period.EndTime.ToDateTime()));
        Assert.Equal(
            ("1.3", true, FocusGranularity.Hour, FocusCosts.Exact),
            (request.Version, request.Sessions, request.Granularity, request.Costs));
        Assert.Equal("focus-2026-11-01-2026-11-30.csv", FocusQuery.NameOf(request));
    }

    private static RunCostLine Line(string name, int cost, string customer, bool isTool = false)
    {
        RunCostLine line = new() { Cost = Dollars(cost), Tokens = cost * 10 };
        if (isTool) line.Tool = name;
        else line.Model = name;
        if (customer.Length > 0) line.Tags["customer"] = customer;
        return line;
    }

    private static Money Dollars(decimal amount) => Amounts.MoneyOf(amount)!;
}
