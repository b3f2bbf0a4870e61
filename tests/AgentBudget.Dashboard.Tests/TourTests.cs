using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Protocol.V1;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests;

/// <summary>Each page, in both themes and at two widths: looked at, and held to what holds for all of them.</summary>
[Collection(Pages.Name)]
public sealed class TourTests(Site site)
{
    private const int Wide = 1280;
    private const int Narrow = 360;
    private const string Hostile = "\"><img src=x onerror=window.xss=1><script>window.xss=1</script>";

    private static readonly string[] Serious = ["serious", "critical"];

    [Theory]
    [InlineData(ColorScheme.Light, Wide)]
    [InlineData(ColorScheme.Dark, Wide)]
    [InlineData(ColorScheme.Light, Narrow)]
    [InlineData(ColorScheme.Dark, Narrow)]
    public async Task Every_page_is_fit_to_look_at(ColorScheme theme, int width)
    {
        string session = await PopulateAsync();
        string folder = Path.Combine(AppContext.BaseDirectory, "screenshots");
        await using Visit visit = await site.VisitAsync(theme, width, height: width == Wide ? 900 : 780);
        await visit.Page.GotoAsync($"{site.Address}/sign-in");
        await LookAsync(visit, folder, "sign-in", theme, width);
        await visit.SignInAsync(site.Secrets[Role.Admin]);
        foreach (string page in (string[])
            ["nowhere", "", "budgets", "approvals", "sessions?state=suspended", session,
             $"spend?session={session}&from=1",
             "spend/3", "agents/writer", "reports?by=use_case,model", "reports?view=units", "prices", "audit",
             "sessions/s999999"])
        {
            await visit.GoAsync(page);
            await visit.Page.WaitForTimeoutAsync(200); // What is live comes in.
            await LookAsync(visit, folder, page, theme, width);
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
             "reports?by=model,user,tag:customer", "reports?view=units", $"spend?agent={Uri.EscapeDataString(Hostile)}",
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

    private static async Task LookAsync(Visit visit, string folder, string page, ColorScheme theme, int width)
    {
        string name = page.Length == 0 ? "overview" : string.Concat(page.Split('?')[0].Replace('/', '-'),
            page.Contains("units", StringComparison.Ordinal) ? "-units" : "");
        if (page.Contains("999999", StringComparison.Ordinal)) name = "not-here";
        else if (name.StartsWith("sessions-", StringComparison.Ordinal)) name = "run";
        await visit.Page.ScreenshotAsync(new PageScreenshotOptions
        {
            Path = Path.Combine(folder, $"{name}-{width}-{theme.ToString().ToLowerInvariant()}.png"),
        });
        int overflow = await visit.Page.EvaluateAsync<int>(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
        Assert.True(overflow <= 0, $"{page} is {overflow} px wider than the screen");
        if (width != Wide) return; // A screen reader has no width, and the colours are the same.
        AxeResult result = await visit.Page.RunAxe();
        Assert.True(
            !result.Violations.Any(violation => Serious.Contains(violation.Impact)),
            string.Join('\n', result.Violations.Where(violation => Serious.Contains(violation.Impact)).Select(
                violation => $"{page}: {violation.Id}: {violation.Help}: "
                    + string.Join(" | ", violation.Nodes.Take(3).Select(node => node.Html)))));
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
