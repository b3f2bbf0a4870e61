using System.Net;
using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Dashboard.Tests;

/// <summary>Nobody sees what their credential may not, however they ask for it.</summary>
[Collection(Pages.Name)]
public sealed class RoleTests(Site site)
{
    [Theory]
    [InlineData(Role.Admin, "Overview Budgets Approvals Sessions Spend Reports Notifications Prices Audit Silos")]
    [InlineData(Role.Auditor, "Overview Budgets Approvals Sessions Spend Reports Notifications Prices Audit")]
    [InlineData(Role.Finance, "Overview Budgets Approvals Spend Reports Notifications Prices")]
    [InlineData(Role.Owner, "Overview Budgets Approvals Sessions Spend Reports")]
    [InlineData(Role.Agent, "Sessions")]
    public async Task A_role_is_offered_its_pages(Role role, string pages)
    {
        await using Visit visit = await site.SignInAsync(role);

        IReadOnlyList<string> offered = await visit.Page.Locator("nav a").AllInnerTextsAsync();

        Assert.Equal(pages, string.Join(' ', offered));
    }

    [Fact]
    public async Task Another_units_spend_is_not_shown_to_an_owner_by_any_address()
    {
        OpenSessionResponse own = await site.OpenAsync(change: request => request.Task = "own work");
        OpenSessionResponse foreign = await site.OpenAsync("leads", "seller", request => request.Task = "secret plan");
        await site.SpendAsync(own.SessionToken, 1_000);
        await site.SpendAsync(foreign.SessionToken, 7_777_000);
        ListEntriesResponse entries = await site.Client.CallAsync(
            site.Client.Spend.ListEntriesAsync,
            new ListEntriesRequest { Filter = new SpendFilter { Session = foreign.Session.Session_ } },
            CancellationToken.None);
        await using Visit visit = await site.SignInAsync(Role.Owner);
        string[] addresses =
        [
            "", "budgets", "budgets?account=useCases/leads", "approvals", "sessions", foreign.Session.Session_,
            "agents/seller",
            "spend", $"spend?session={foreign.Session.Session_}&from=1", "spend?agent=seller&from=1",
            $"spend/{entries.Entries[0].Sequence}", "reports", "reports?by=agent&of=use_case%3DuseCases%2Fleads",
            "reports?view=units", "reports/forecast", "reports/forecast?of=useCases/leads",
            "reports/forecast?of=agents/seller", "reports/initiatives", "reports/initiatives?of=useCases/leads",
            "reports/anomalies", "reports/anomalies?of=useCases/leads", "reports/savings", "reports/adjacency",
            "reports/runs", $"reports/runs?run={foreign.Session.Session_}", "reports/focus", "notifications", "silos",
            "export/focus.csv?from=2026-01-01&to=2026-12-31", "prices", "audit",
            "export/chargeback.csv?by=agent&of=use_case%3DuseCases%2Fleads",
        ];

        foreach (string address in addresses)
        {
            string shown = await ShownAsync(visit, address);
            string named = address.Contains("seller", StringComparison.Ordinal)
                ? shown.Replace("agents/seller", "", StringComparison.Ordinal)
                : shown;
            Assert.DoesNotContain("secret plan", shown, StringComparison.Ordinal);
            Assert.DoesNotContain("7.77", shown, StringComparison.Ordinal);
            Assert.DoesNotContain("7.78", shown, StringComparison.Ordinal);
            Assert.DoesNotContain("seller", named, StringComparison.Ordinal);
        }

        await visit.GoAsync("sessions");
        Assert.Contains("own work", await visit.TextAsync(), StringComparison.Ordinal);
        // The file that is refused is what the browser complains of.
        Assert.Contains("403", Assert.Single(visit.TakeComplaints()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Role.Auditor, "Extend", "Approve", "Suspend", "Revoke")]
    [InlineData(Role.Finance, "Suspend", "Revoke", "Verify the ledger")]
    public async Task What_a_role_may_not_do_is_not_offered(Role role, params string[] acts)
    {
        OpenSessionResponse opened = await site.OpenAsync();
        await using Visit visit = await site.SignInAsync(role);
        string[] addresses = ["budgets", "approvals", "sessions", opened.Session.Session_, "agents/writer"];
        foreach (string address in addresses)
        {
            await visit.GoAsync(address);
            foreach (string act in acts)
                Assert.Equal(0, await visit.Page.Locator($"main button:has-text('{act}')").CountAsync());
        }
    }

    [Theory]
    [InlineData("spend")]
    [InlineData("audit")]
    [InlineData("budgets")]
    [InlineData("approvals")]
    [InlineData("reports")]
    [InlineData("prices")]
    [InlineData("reports/forecast")]
    [InlineData("reports/initiatives")]
    [InlineData("reports/anomalies")]
    [InlineData("reports/savings")]
    [InlineData("reports/adjacency")]
    [InlineData("reports/runs")]
    [InlineData("reports/focus")]
    [InlineData("notifications")]
    [InlineData("silos")]
    [InlineData("")]
    public async Task An_agent_sees_nothing_beside_its_sessions(string address)
    {
        OpenSessionResponse other = await site.OpenAsync("leads", "seller", request => request.Task = "secret plan");
        await site.SpendAsync(other.SessionToken, 1_000);
        await using Visit visit = await site.SignInAsync(Role.Agent);

        await visit.GoAsync(address);

        string shown = await visit.TextAsync();
        Assert.DoesNotContain("seller", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("secret plan", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("leads", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_download_is_of_whoever_is_signed_in_and_no_formula()
    {
        OpenSessionResponse opened = await site.OpenAsync(change: request =>
        {
            request.Unattended = false;
            request.OnBehalfOf = "=HYPERLINK(\"http://x\",\"y\")";
        });
        await site.SpendAsync(opened.SessionToken, 5_000);
        await using Visit visit = await site.SignInAsync(Role.Finance);
        await visit.GoAsync("reports");

        string csv = await visit.Page.EvaluateAsync<string>(
            "async () => await (await fetch('export/chargeback.csv?by=user&period=all')).text()");
        using HttpClient http = new(new HttpClientHandler { AllowAutoRedirect = false });
        using HttpResponseMessage nobody = await http.GetAsync(new Uri($"{site.Address}/export/chargeback.csv"));

        Assert.StartsWith("user,cost,currency,calls", csv, StringComparison.Ordinal);
        Assert.Contains("\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",0.005,USD,1", csv, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Redirect, nobody.StatusCode);
    }

    private static async Task<string> ShownAsync(Visit visit, string address)
    {
        if (address.StartsWith("export", StringComparison.Ordinal))
            return await visit.Page.EvaluateAsync<string>("async path => await (await fetch(path)).text()", address);
        await visit.GoAsync(address);
        await visit.Page.WaitForTimeoutAsync(200); // Nothing is to come: what would have come had the time to.
        return await visit.TextAsync();
    }
}
