using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests.Support;

/// <summary>Somebody with a browser. What the browser complains of fails the test that ends without looking.</summary>
internal sealed class Visit : IAsyncDisposable
{
    private readonly Site _site;
    private readonly ConcurrentQueue<string> _complaints = [];

    internal Visit(Site site, IBrowserContext context, IPage page)
    {
        _site = site;
        Context = context;
        Page = page;
        page.Console += (_, message) =>
        {
            if (message.Type == "error") _complaints.Enqueue(message.Text);
        };
        page.PageError += (_, fault) => _complaints.Enqueue(fault);
    }

    internal IBrowserContext Context { get; }

    internal IPage Page { get; }

    /// <summary>Where the browser stands, below the pages' base.</summary>
    internal string Place => Page.Url.Replace(_site.Address, "", StringComparison.Ordinal);

    internal async Task SignInAsync(string credential)
    {
        await Page.GotoAsync($"{_site.Address}/sign-in");
        await Page.FillAsync("#credential", credential);
        await Page.ClickAsync("button.primary");
        await Page.WaitForSelectorAsync("main h1");
    }

    /// <summary>Goes to a page and waits until it is there.</summary>
    internal async Task GoAsync(string page)
    {
        await Page.GotoAsync($"{_site.Address}/{page}");
        await ReadyAsync();
    }

    /// <summary>Waits until the page has what it shows, or says why not.</summary>
    internal async Task ReadyAsync()
    {
        await Page.Locator("main h1").First.WaitForAsync();
        await Page.Locator(".loading").WaitForAsync(new LocatorWaitForOptions
        {
            State = WaitForSelectorState.Detached,
        });
    }

    /// <summary>
    /// Ends with the frame in which an expression of a page is true. By the debugger: the page's own policy lets
    /// nothing evaluate a text.
    /// </summary>
    internal Task UntilAsync(string expression) => Page.EvaluateAsync($$"""
        () => new Promise(done => {
          const look = () => ({{expression}}) ? done() : requestAnimationFrame(look);
          look();
        })
        """);

    internal Task SeeAsync(string text) => Page.GetByText(text).First.WaitForAsync();

    internal async Task<string> TextAsync() => await Page.InnerTextAsync("main");

    /// <summary>What the browser complained of so far; it is forgotten.</summary>
    internal string[] TakeComplaints()
    {
        List<string> complaints = [];
        while (_complaints.TryDequeue(out string? complaint)) complaints.Add(complaint);
        return [.. complaints];
    }

    public async ValueTask DisposeAsync()
    {
        await Context.DisposeAsync();
        Assert.Empty(TakeComplaints());
    }
}
