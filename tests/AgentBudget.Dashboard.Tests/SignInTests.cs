using System.Net;
using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.Playwright;
using Cookie = Microsoft.Playwright.BrowserContextCookiesResult;

namespace AgentBudget.Dashboard.Tests;

[Collection(Pages.Name)]
public sealed class SignInTests(Site site)
{
    private const string CookieName = "agentbudget-dashboard";

    [Fact]
    public async Task A_page_leads_to_the_sign_in_and_back_to_itself()
    {
        await using Visit visit = await site.VisitAsync();
        await visit.Page.GotoAsync($"{site.Address}/budgets?account=useCases%2Fpromo");

        Assert.StartsWith("/sign-in?to=", visit.Place, StringComparison.Ordinal);
        await visit.Page.FillAsync("#credential", site.Secrets[Role.Admin]);
        await visit.Page.ClickAsync("button.primary");
        await visit.Page.WaitForSelectorAsync("tr.chosen");
        Assert.Equal("/budgets?account=useCases%2Fpromo", visit.Place);
    }

    [Fact]
    public async Task A_credential_that_is_not_taken_is_told_what_to_do()
    {
        await using Visit visit = await site.VisitAsync();
        foreach ((string credential, string advice) in new[]
        {
            ("abk_wrong", "Copy it again"),
            ("abg_acme.c1.x", "gateways and metrics have none"),
            ("hello", "no credential"),
            (site.Secrets[Role.Auditor][..^2], "Copy it again"),
        })
        {
            await visit.Page.GotoAsync($"{site.Address}/sign-in");
            await visit.Page.FillAsync("#credential", credential);
            await visit.Page.ClickAsync("button.primary");
            Assert.Contains(advice, await visit.Page.InnerTextAsync("[role=alert]"), StringComparison.Ordinal);
        }

        Assert.DoesNotContain(await visit.Context.CookiesAsync(), cookie => cookie.Name == CookieName);
    }

    [Fact]
    public async Task The_cookie_is_strict_and_the_secret_stays_on_the_server()
    {
        await using Visit visit = await site.SignInAsync(Role.Auditor);

        IReadOnlyList<Cookie> cookies = await visit.Context.CookiesAsync();
        Assert.All(cookies, each => Assert.True(each.HttpOnly));
        Assert.All(cookies, each => Assert.Equal(SameSiteAttribute.Strict, each.SameSite));
        Assert.All(cookies, each => Assert.Equal("/dashboard", each.Path));
        Cookie cookie = cookies.Single(each => each.Name == CookieName);
        string secret = site.Secrets[Role.Auditor];
        Assert.DoesNotContain(secret, cookie.Value, StringComparison.Ordinal);
        foreach (string page in new[] { "", "budgets", "audit" })
        {
            await visit.GoAsync(page);
            Assert.DoesNotContain(secret, await visit.Page.ContentAsync(), StringComparison.Ordinal);
        }

        string kept = await File.ReadAllTextAsync(Path.Combine(site.Silo.Folder, "dashboard.sessions"));
        Assert.DoesNotContain(secret, kept, StringComparison.Ordinal);
        Assert.DoesNotContain(cookie.Value, kept, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Signing_out_ends_every_page_that_is_open()
    {
        await using Visit visit = await site.SignInAsync();
        await visit.GoAsync("budgets");
        IPage other = await visit.Context.NewPageAsync();
        await other.GotoAsync($"{site.Address}/sessions");
        await other.WaitForSelectorAsync("main h1");

        await other.ClickAsync("[title='Sign out']");
        await other.WaitForURLAsync(url => url.Contains("/sign-in", StringComparison.Ordinal));

        await visit.Page.WaitForURLAsync(url => url.Contains("/sign-in", StringComparison.Ordinal));
        Assert.EndsWith("/sign-in?why=out", visit.Page.Url, StringComparison.Ordinal);
        Assert.DoesNotContain(await visit.Context.CookiesAsync(), cookie => cookie.Name == CookieName);
    }

    [Fact]
    public async Task A_link_of_the_first_start_signs_in_once()
    {
        string line = site.Silo.Output.Split('\n').First(line => line.Contains("sign in ", StringComparison.Ordinal));
        string link = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2];
        await using Visit first = await site.VisitAsync();
        await using Visit second = await site.VisitAsync();

        await first.Page.GotoAsync(link);
        await first.ReadyAsync();
        await second.Page.GotoAsync(link);

        Assert.Equal("/", first.Place);
        Assert.Contains("works once", await second.Page.InnerTextAsync("[role=alert]"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sign-in", "http://127.0.0.1:1", HttpStatusCode.Forbidden)]
    [InlineData("sign-in", "null", HttpStatusCode.Forbidden)]
    [InlineData("sign-in", null, HttpStatusCode.Forbidden)]
    [InlineData("sign-out", "https://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("_blazor/negotiate", null, HttpStatusCode.Forbidden)]
    public async Task What_changes_something_comes_from_our_own_page(
        string path, string? origin, HttpStatusCode expected)
    {
        using HttpClient http = new(new HttpClientHandler { AllowAutoRedirect = false });
        using HttpRequestMessage request = new(HttpMethod.Post, $"{site.Address}/{path}");
        request.Content = new FormUrlEncodedContent([new("credential", site.Secrets[Role.Admin])]);
        if (origin is not null) request.Headers.Add("Origin", origin);

        using HttpResponseMessage response = await http.SendAsync(request);

        Assert.Equal(expected, response.StatusCode);
        Assert.False(response.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task A_live_connection_from_elsewhere_or_of_nobody_is_refused()
    {
        using HttpClient http = new();
        using HttpRequestMessage foreign = new(HttpMethod.Get, $"{site.Address}/_blazor?id=x");
        foreign.Headers.Add("Connection", "Upgrade");
        foreign.Headers.Add("Upgrade", "websocket");
        foreign.Headers.Add("Origin", "http://127.0.0.1:3000");
        using HttpResponseMessage refused = await http.SendAsync(foreign);
        using HttpRequestMessage nobody = new(HttpMethod.Post, $"{site.Address}/_blazor/negotiate");
        nobody.Headers.Add("Origin", site.Silo.HttpAddress.AbsoluteUri.TrimEnd('/'));
        using HttpResponseMessage unknown = await http.SendAsync(nobody);

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, unknown.StatusCode);
    }

    [Fact]
    public async Task Nothing_inline_and_nobody_else_is_allowed_on_a_page()
    {
        using HttpClient http = new();
        using HttpResponseMessage page = await http.GetAsync(new Uri($"{site.Address}/sign-in"));
        string policy = page.Headers.GetValues("Content-Security-Policy").Single();

        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        string text = await page.Content.ReadAsStringAsync();
        Assert.DoesNotContain("style=", text, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_of_somebody_else_that_leads_here_gets_no_page()
    {
        using HttpClient http = new();
        using HttpRequestMessage request = new(HttpMethod.Get, $"{site.Address}/sign-in");
        request.Headers.Host = "evil.example";

        using HttpResponseMessage response = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Contains("--dashboard on", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
