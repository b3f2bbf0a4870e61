using AgentBudget.Dashboard.Components.Parts;
using AgentBudget.Dashboard.Reading;
using AgentBudget.Dashboard.Text;
using AgentBudget.Protocol.V1;
using Bunit;

namespace AgentBudget.Dashboard.Tests;

public sealed class ComponentTests : BunitContext
{
    [Theory]
    [InlineData(0.25, 0.05, "good", "227", "45")] // Of a bar that ends at 110 percent.
    [InlineData(0.80, 0.10, "warn", "727", "91")]
    [InlineData(1.50, 0.10, "bad", "1000", "0")]
    public void A_bar_is_as_long_as_what_is_used(double settled, double held, string tone, string width, string rest)
    {
        IRenderedComponent<Bar> bar = Render<Bar>(parameters => parameters
            .Add(part => part.Share, new Share((decimal)settled, (decimal)held))
            .Add(part => part.Tiers, [50, 80, 100, 110]));

        Assert.Contains(tone, bar.Find("svg").ClassList);
        Assert.Equal(width, bar.Find(".settled").GetAttribute("width"));
        Assert.Equal(rest, bar.Find(".held").GetAttribute("width"));
        Assert.DoesNotContain("style=", bar.Markup, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sessions/s17", "sessions/s17")]
    [InlineData("agents/promo-writer", "agents/promo-writer")]
    [InlineData("useCases/trade-promo", "budgets?account=useCases%2Ftrade-promo")]
    [InlineData("useCases/p/users/a\"b", "budgets?account=useCases%2Fp%2Fusers%2Fa%22b")]
    [InlineData("javascript:alert(1)", null)]
    public void A_name_leads_to_its_page_and_nowhere_else(string name, string? page) =>
        Assert.Equal(
            page,
            Render<NameLink>(parameters => parameters.Add(part => part.Name, name)).FindAll("a").SingleOrDefault()
                ?.GetAttribute("href"));

    [Fact]
    public async Task Nothing_is_done_without_a_reason()
    {
        List<string> reasons = [];
        bool isClosed = false;
        JSInterop.SetupVoid("Blazor._internal.domWrapper.focus", _ => true);
        IRenderedComponent<ActDialog> dialog = Render<ActDialog>(parameters => parameters
            .Add(part => part.Title, "Revoke?")
            .Add(part => part.Verb, "Revoke")
            .Add(part => part.OnClose, () => isClosed = true)
            .Add(part => part.Act, reason =>
            {
                reasons.Add(reason);
                return Task.FromResult<string?>(null);
            }));

        await dialog.Find("#act-reason").InputAsync("   ");
        await dialog.Find("form").SubmitAsync();
        Assert.Contains("Say why", dialog.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        Assert.False(isClosed);
        await dialog.Find("#act-reason").InputAsync(" it ran away ");
        await dialog.Find("form").SubmitAsync();

        Assert.Equal(["it ran away"], reasons);
        Assert.True(isClosed);
    }

    [Fact]
    public void A_refusal_is_told_in_numbers()
    {
        EventLine line = EventLine.Of(new LedgerEvent
        {
            ReservationRefused = new ReservationRefused
            {
                Reason = Reason.SessionCeiling,
                Unit = ReservationRefused.Types.Unit.Nanos,
                Limit = 1_000_000_000,
                Settled = 900_000_000,
                Requested = 180_000_000,
                Model = "m",
            },
        });

        Assert.Equal((EventTone.Refusal, "m", 1), (line.Tone, line.Model, line.Refusals));
        Assert.Equal("session ceiling: 0.18 asked, 0.90 of 1.00 used", line.Detail);
    }

    [Theory]
    [InlineData("", "business_unit")]
    [InlineData("use_case,model,nonsense", "use_case,model")]
    [InlineData("tag:customer", "tag:customer")]
    [InlineData("drop table", "business_unit")]
    public void A_report_s_address_says_what_it_knows(string by, string read) =>
        Assert.Equal(read, string.Join(',', ReportQuery.Read("week", by, "agent=agents/a\nuser=x").By));

    [Fact]
    public void A_row_of_a_report_leads_one_level_down()
    {
        ReportQuery query = ReportQuery.Read("month", "business_unit", null);
        ChargebackRow row = new() { Keys = { ["business_unit"] = "businessUnits/marketing" } };

        ReportQuery below = query.Below(row)!;

        Assert.Equal(["use_case"], below.By);
        Assert.Equal("businessUnits/marketing", below.ToFilter().BusinessUnit);
        Assert.Equal(below.Of, ReportQuery.Read("month", "use_case", "business_unit=businessUnits/marketing").Of);
    }
}
