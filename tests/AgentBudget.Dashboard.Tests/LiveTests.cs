using System.Diagnostics;
using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests;

[Collection(Pages.Name)]
public sealed class LiveTests(Site site)
{
    private const int UpdatesPerSecond = 1_000;
    private const int RendersPerSecondMax = 4;
    private static readonly TimeSpan LoadTime = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task A_spend_is_on_the_page_within_a_second()
    {
        OpenSessionResponse opened = await site.OpenAsync();
        await using Visit visit = await site.SignInAsync();
        await visit.GoAsync("");
        await visit.SeeAsync("live");
        string before = await visit.Page.InnerTextAsync("[data-test=spent]");

        Task seen = visit.UntilAsync($"document.querySelector('[data-test=spent]').innerText !== '{before}'");
        await site.SpendAsync(opened.SessionToken, 1_000_000);
        long since = Stopwatch.GetTimestamp();
        await seen;

        Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_refusal_is_on_the_overview_with_its_reason()
    {
        OpenSessionResponse opened = await site.OpenAsync(change: request => request.Ceilings =
            new Ceilings { CostPerSession = new Money { Units = 1 } });
        await using Visit visit = await site.SignInAsync();
        await visit.GoAsync("");

        await site.SpendAsync(opened.SessionToken, 900_000);
        await site.SpendAsync(opened.SessionToken, 200_000);

        ILocator line = visit.Page.Locator(".refusals li", new PageLocatorOptions
        {
            HasText = opened.Session.Session_.Split('/')[1],
        });
        await line.WaitForAsync();
        Assert.Contains("session ceiling: 0.20 asked, 0.90 of 1.00 used", await line.InnerTextAsync());
    }

    [Fact]
    public async Task A_run_shows_what_each_of_its_sessions_costs()
    {
        OpenSessionResponse root = await site.OpenAsync(change: request => request.Task = "plan");
        await using Visit visit = await site.SignInAsync();
        await visit.GoAsync(root.Session.Session_);
        OpenSessionResponse child = await site.Client.OpenSessionAsync(new OpenSessionRequest
        {
            ParentSessionToken = root.SessionToken,
            Task = "search",
            Unattended = true,
        });
        await site.SpendAsync(root.SessionToken, 2_000_000);
        await site.SpendAsync(child.SessionToken, 1_500_000);

        ILocator rows = visit.Page.Locator("table.tree tbody tr");
        await Assertions.Expect(rows).ToHaveCountAsync(2);
        await Assertions.Expect(rows.Nth(0)).ToContainTextAsync("3.50");
        await Assertions.Expect(rows.Nth(0)).ToContainTextAsync("2.00");
        await Assertions.Expect(rows.Nth(1)).ToContainTextAsync("1.50");
        await Assertions.Expect(visit.Page.Locator("[data-test=settled]")).ToContainTextAsync("3.50");
    }

    [Fact]
    public async Task The_stream_is_filtered_paused_and_led_to_an_entry_with_its_hash()
    {
        OpenSessionResponse mine = await site.OpenAsync();
        OpenSessionResponse other = await site.OpenAsync("leads", "seller");
        await using Visit visit = await site.SignInAsync();
        string id = mine.Session.Session_.Split('/')[1];
        await visit.GoAsync($"spend?session={id}");
        await visit.SeeAsync("live");
        await site.SpendAsync(other.SessionToken, 10);
        await site.SpendAsync(mine.SessionToken, 10);
        ILocator rows = visit.Page.Locator("table.events tbody tr");
        await Assertions.Expect(rows).ToHaveCountAsync(3);
        Assert.DoesNotContain("seller", await visit.TextAsync(), StringComparison.Ordinal);

        await visit.Page.Keyboard.PressAsync(" ");
        await visit.SeeAsync("paused");
        await site.SpendAsync(mine.SessionToken, 10);
        await Assertions.Expect(visit.Page.Locator("[data-pause]")).ToContainTextAsync("Go on (2)");
        await Assertions.Expect(rows).ToHaveCountAsync(3);
        await visit.Page.ClickAsync("[data-pause]");
        await Assertions.Expect(rows).ToHaveCountAsync(5);

        await rows.First.Locator("a").First.ClickAsync();
        await visit.Page.WaitForSelectorAsync("[data-test=hash]");
        Assert.Equal(64, (await visit.Page.InnerTextAsync("[data-test=hash]")).Length);
        await visit.Page.ClickAsync("text=Verify the chain up to here");
        await visit.SeeAsync("sound");
    }

    [Fact]
    public async Task A_thousand_updates_a_second_are_four_renders_and_no_memory()
    {
        OpenSessionResponse opened = await site.OpenAsync();
        await using Visit visit = await site.SignInAsync();
        await visit.GoAsync("spend");
        await visit.SeeAsync("live");
        await LoadAsync(opened.SessionToken, TimeSpan.FromSeconds(2)); // Buffers and lists are full from here on.
        await visit.Page.EvaluateAsync("""
            () => {
              window.renders = 0;
              new MutationObserver(() => window.renders++).observe(
                document.querySelector('table.events tbody'), { childList: true });
            }
            """);
        long before = MemoryOf(site.Silo.ProcessId);

        int spends = await LoadAsync(opened.SessionToken, LoadTime);

        int renders = await visit.Page.EvaluateAsync<int>("() => window.renders");
        long grown = MemoryOf(site.Silo.ProcessId) - before;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{spends * 2 / LoadTime.TotalSeconds:0} updates/s, {renders / LoadTime.TotalSeconds:0.0} renders/s, "
                + $"{grown >> 20} MiB");
        Assert.InRange(renders, 1, (int)(RendersPerSecondMax * (LoadTime.TotalSeconds + 1)));
        Assert.InRange(grown, long.MinValue, 64L << 20); // A collection's worth, where 5,000 kept pages would be more.
        await Assertions.Expect(visit.Page.Locator("table.events tbody tr")).ToHaveCountAsync(300);
    }

    // Each spend is a hold and a settlement.
    private async Task<int> LoadAsync(string token, TimeSpan time)
    {
        long since = Stopwatch.GetTimestamp();
        int spends = 0;
        while (Stopwatch.GetElapsedTime(since) < time)
        {
            int due = (int)(Stopwatch.GetElapsedTime(since).TotalSeconds * UpdatesPerSecond / 2) - spends;
            await Task.WhenAll(Enumerable.Range(0, Math.Max(0, due)).Select(_ => site.SpendAsync(token, 1)));
            spends += Math.Max(0, due);
            await Task.Delay(20);
        }

        return spends;
    }

    private static long MemoryOf(int process)
    {
        using Process silo = Process.GetProcessById(process);
        return silo.WorkingSet64;
    }
}
