using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests;

/// <summary>Each page, in both themes and at two widths: looked at, and held to what holds for all of them.</summary>
[Collection(Pages.Name)]
public sealed class TourTests(Site site)
{
    private const string Hostile = "\"><img src=x onerror=window.xss=1><script>window.xss=1</script>";

    [Theory]
    [InlineData(ColorScheme.Light, Look.Wide)]
    [InlineData(ColorScheme.Dark, Look.Wide)]
    [InlineData(ColorScheme.Light, Look.Narrow)]
    [InlineData(ColorScheme.Dark, Look.Narrow)]
    public async Task Every_page_is_fit_to_look_at(ColorScheme theme, int width)
    {
        string session = await PopulateAsync();
        await using Visit visit = await site.VisitAsync(theme, width, Look.HeightOf(width));
        await visit.Page.GotoAsync($"{site.Address}/sign-in");
        await Look.AtAsync(visit, "sign-in", theme, width);
        await visit.SignInAsync(site.Secrets[Role.Admin]);
        foreach (string page in (string[])
            ["nowhere", "", "budgets", "approvals", "sessions?state=suspended", session,
             $"spend?session={session}&from=1",
             "spend/3", "agents/writer", "reports?by=use_case,model", "reports?view=units", "reports/adjacency",
             "reports/anomalies", "notifications", "silos", "prices", "audit", "sessions/s999999"])
        {
            await visit.GoAsync(page);
            await visit.Page.WaitForTimeoutAsync(200); // What is live comes in.
            await Look.AtAsync(visit, NameOf(page), theme, width);
        }

        // A page that is not there is one that the browser complains of.
        Assert.All(visit.TakeComplaints(), complaint => Assert.Contains("404", complaint, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_that_a_name_holds_runs()
    {
        string session = await PopulateAsync();
        await using Visit visit = await site.SignInAsync();
        foreach (string page in (string[])
            ["", "budgets", "approvals", "sessions", session, "spend", "agents/writer", "prices", "audit",
             "reports?by=model,user,tag:customer", "reports?view=units", $"reports/runs?run={session}", "reports/runs",
             "reports/initiatives?of=useCases/promo", "notifications",
             $"reports/forecast?of={Uri.EscapeDataString(Hostile)}",
             $"reports/anomalies?of={Uri.EscapeDataString(Hostile)}",
             $"reports/runs?run={Uri.EscapeDataString(Hostile)}",
             $"reports/initiatives?of={Uri.EscapeDataString(Hostile)}", $"spend?agent={Uri.EscapeDataString(Hostile)}",
             $"budgets?account={Uri.EscapeDataString(Hostile)}", $"reports?of=model%3D{Uri.EscapeDataString(Hostile)}",
             $"sign-in?to={Uri.EscapeDataString(Hostile)}"])
        {
            await visit.GoAsync(page);
            await visit.Page.WaitForTimeoutAsync(200);
            Assert.True(await visit.Page.EvaluateAsync<bool>("() => window.xss === undefined"), page);
            Assert.Equal(0, await visit.Page.Locator("main img, main script, main [style]").CountAsync());
        }
    }

    [Fact]
    public async Task A_thousand_rows_come_and_are_sought_without_lag()
    {
        const int rows = 1_000;
        await Parallel.ForAsync(0, rows, new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (_, _) =>
            await site.OpenAsync(change: request => request.Task = "one of many"));
        await using Visit visit = await site.SignInAsync();

        await visit.GoAsync("sessions?state=open");
        await Assertions.Expect(visit.Page.Locator("tbody tr")).ToHaveCountAsync(rows);
        long since = System.Diagnostics.Stopwatch.GetTimestamp();
        await visit.Page.FillAsync("[data-find]", "sessions/s1");
        await visit.UntilAsync($"document.querySelectorAll('tbody tr').length < {rows}");

        Assert.InRange(
            System.Diagnostics.Stopwatch.GetElapsedTime(since), TimeSpan.Zero, TimeSpan.FromSeconds(1.5));
    }

    private static string NameOf(string page)
    {
        string name = page.Length == 0 ? "overview" : string.Concat(page.Split('?')[0].Replace('/', '-'),
            page.Contains("units", StringComparison.Ordinal) ? "-units" : "");
        return page.Contains("999999", StringComparison.Ordinal) ? "not-here"
            : name.StartsWith("sessions-", StringComparison.Ordinal) ? "run"
            : name;
    }

    // Something of everything, with what an attacker would write wherever somebody writes.
    private async Task<string> PopulateAsync()
    {
        OpenSessionResponse root = await site.OpenAsync(change: request =>
        {
            request.Task = Hostile;
            request.Unattended = false;
            request.OnBehalfOf = Hostile;
            request.Tags["customer"] = Hostile;
            request.Ceilings = new Ceilings { CostPerSession = new Money { Units = 3 } };
        });
        OpenSessionResponse child = await site.Client.OpenSessionAsync(new OpenSessionRequest
        {
            ParentSessionToken = root.SessionToken,
            Task = Hostile,
        });
        await site.SpendAsync(root.SessionToken, 1_200_000);
        await site.SpendAsync(child.SessionToken, 300_000, "<img/src=x/onerror=window.xss=1>");
        await site.SpendAsync(child.SessionToken, 4_000_000);
        await site.Client.CallAsync(
            site.Client.Approvals.RequestExtensionAsync,
            new RequestExtensionRequest
            {
                SessionToken = root.SessionToken,
                Grain = root.Session.UseCase,
                Amount = new Money { Units = 50 },
                Reason = Hostile,
            },
            CancellationToken.None);
        OpenSessionResponse done = await site.OpenAsync();
        await site.SpendAsync(done.SessionToken, 50_000);
        EndSessionRequest end = new()
        {
            SessionToken = done.SessionToken,
            Outcome = new Outcome { Status = Outcome.Types.Status.Success },
        };
        end.Outcome.Metrics["quotesBound"] = 3;
        end.Outcome.Metrics["<img/src=x/onerror=window.xss=1>"] = 3;
        await site.Client.EndSessionAsync(end);
        await site.Client.CallAsync(
            site.Client.Sessions.SuspendSessionAsync,
            new SuspendSessionRequest { Session = child.Session.Session_, Reason = Hostile },
            CancellationToken.None);
        return root.Session.Session_;
    }
}
