using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests;

/// <summary>With a site of its own, which is killed.</summary>
[Collection(Pages.Name)]
public sealed class RestartTests : IAsyncLifetime
{
    private readonly Site _site = new();

    public ValueTask InitializeAsync() => _site.InitializeAsync();

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Fact]
    public async Task A_page_finds_back_to_a_silo_that_was_restarted()
    {
        OpenSessionResponse opened = await _site.OpenAsync();
        await using Visit visit = await _site.SignInAsync();
        await visit.GoAsync(opened.Session.Session_);
        await _site.SpendAsync(opened.SessionToken, 1_000_000);
        await Assertions.Expect(visit.Page.Locator("[data-test=settled]")).ToContainTextAsync("1.00");

        await _site.Silo.KillAsync();
        await visit.SeeAsync("Connection lost");
        await _site.Silo.StartAsync();
        await _site.SpendAsync(opened.SessionToken, 1_000_000);

        // By itself, signed in as before, and where it was.
        await Assertions.Expect(visit.Page.Locator("[data-test=settled]")).ToContainTextAsync(
            "2.00", new LocatorAssertionsToContainTextOptions { Timeout = 30_000 });
        await visit.SeeAsync("live");
        visit.TakeComplaints(); // Of the connection.
    }
}
