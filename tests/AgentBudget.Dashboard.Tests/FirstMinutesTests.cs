using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Faults.Tests;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests;

/// <summary>The way of a stranger who has the README and nothing else: one command, one click.</summary>
[Collection(Pages.Name)]
public sealed class FirstMinutesTests(Site site)
{
    private const float DemoMilliseconds = 30_000; // The runaway agent begins anew every 20 s.

    [Fact]
    public async Task The_README_s_command_prints_a_link_to_the_agent_that_is_refused()
    {
        await using SiloProcess silo = new() { Arguments = ArgumentsOfReadme() };
        await silo.StartAsync();
        Visit visit = await site.VisitAsync();
        await visit.Page.GotoAsync(await LinkOfAsync(silo));

        ILocator refused = visit.Page.Locator(".refusals li.refusal", new PageLocatorOptions
        {
            HasText = "session ceiling: 0.18 asked, 0.90 of 1.00 used",
        });
        await refused.First.WaitForAsync(new LocatorWaitForOptions { Timeout = DemoMilliseconds });
        ILocator stopped = visit.Page.Locator(".refusals li.stop", new PageLocatorOptions
        {
            HasText = "refusals 4 above 3",
        });
        await stopped.First.WaitForAsync(new LocatorWaitForOptions { Timeout = DemoMilliseconds });
        await visit.Page.ScreenshotAsync(new PageScreenshotOptions
        {
            Path = Path.Combine(AppContext.BaseDirectory, "screenshots", "first-minutes.png"),
        });

        Assert.Contains("REFUSED", silo.Output, StringComparison.Ordinal);
        await refused.First.Locator("a.detail").ClickAsync();
        await visit.SeeAsync("As it was written");
        await visit.DisposeAsync();
        Assert.Equal(0, await silo.StopAsync());
    }

    // What follows "--" in the first command of the README, with files and ports of this test.
    private static string[] ArgumentsOfReadme()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "README.md"))) root = Path.GetDirectoryName(root)!;
        string command = File.ReadLines(Path.Combine(root, "README.md"))
            .First(line => line.StartsWith("dotnet run", StringComparison.Ordinal));
        string[] arguments = command.Split(" -- ", 2)[1].Split(' ');
        Assert.Contains("--demo", arguments);
        return
        [
            .. arguments.Select(argument => argument.StartsWith("silo-config/", StringComparison.Ordinal)
                ? Path.Combine(root, argument)
                : argument.Replace(":7072", ":0", StringComparison.Ordinal)),
        ];
    }

    // It is ready a moment before it says where.
    private static async Task<string> LinkOfAsync(SiloProcess silo)
    {
        for (int tries = 0; ; tries++)
        {
            string? link = silo.Output.Split(' ', '\n')
                .FirstOrDefault(word => word.Contains("/sign-in/", StringComparison.Ordinal));
            if (link is not null) return link;
            Assert.True(tries < 600, $"no link is printed:\n{silo.Output}");
            await Task.Delay(50);
        }
    }
}
