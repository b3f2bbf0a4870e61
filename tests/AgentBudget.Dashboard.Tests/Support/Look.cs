using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests.Support;

/// <summary>A page as it is drawn: kept as a picture, and held to what holds for all pages.</summary>
internal static class Look
{
    public const int Wide = 1280;
    public const int Narrow = 360;

    private static readonly string[] Serious = ["serious", "critical"];

    /// <summary>The height of a screen of a width.</summary>
    public static int HeightOf(int width) => width == Wide ? 900 : 780;

    /// <summary>Takes the picture; the page is no wider than the screen, and axe finds nothing serious.</summary>
    public static async Task AtAsync(Visit visit, string name, ColorScheme theme, int width, bool isWhole = false)
    {
        await visit.Page.ScreenshotAsync(new PageScreenshotOptions
        {
            Path = Path.Combine(
                AppContext.BaseDirectory, "screenshots", $"{name}-{width}-{theme.ToString().ToLowerInvariant()}.png"),
            FullPage = isWhole,
        });
        int overflow = await visit.Page.EvaluateAsync<int>(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
        Assert.True(overflow <= 0, $"{name} is {overflow} px wider than the screen");
        if (width != Wide) return; // A screen reader has no width, and the colours are the same.
        AxeResult result = await visit.Page.RunAxe();
        AxeResultItem[] violations = [.. result.Violations.Where(found => Serious.Contains(found.Impact))];
        Assert.True(violations.Length == 0, string.Join('\n', violations.Select(found =>
            $"{name}: {found.Id}: {found.Help}: "
                + string.Join(" | ", found.Nodes.Take(3).Select(node => node.Html)))));
    }
}
