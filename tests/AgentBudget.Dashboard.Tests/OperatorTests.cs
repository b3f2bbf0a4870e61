using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests;

/// <summary>Who somebody is, and what the operator alone sees.</summary>
[Collection(Pages.Name)]
public sealed class OperatorTests(Site site)
{
    [Fact]
    public async Task The_operator_sees_the_silos_and_which_of_them_answers()
    {
        await using Visit visit = await site.SignInAsync();
        await visit.GoAsync("silos");

        await Assertions.Expect(visit.Page.Locator("[data-test=serving]")).ToHaveTextAsync("1");
        await Assertions.Expect(visit.Page.Locator("tbody tr")).ToContainTextAsync("this one");
    }

    [Fact]
    public async Task A_tenants_administrator_is_not_offered_the_silos_and_refused_them_by_address()
    {
        CreateCredentialResponse made = await site.Client.CallAsync(
            site.Client.Identities.CreateCredentialAsync,
            new CreateCredentialRequest { Principal = "boss", Role = Role.Admin },
            CancellationToken.None);
        await using Visit visit = await site.VisitAsync();
        await visit.SignInAsync(made.Secret);

        Assert.Equal(0, await visit.Page.Locator("nav a[href='silos']").CountAsync());
        await visit.GoAsync("silos");
        await visit.SeeAsync("Not for this role");
        Assert.Equal(0, await visit.Page.Locator("main table").CountAsync());
        await visit.Page.ClickAsync("[title='Who you are']");
        await Assertions.Expect(visit.Page.Locator(".me")).ToContainTextAsync("boss");
        await Assertions.Expect(visit.Page.Locator(".me [data-test=credential]")).ToHaveTextAsync(
            made.Credential.Credential_);
    }

    [Theory]
    [InlineData(Role.Admin, "the operator's key", "operator: everything")]
    [InlineData(Role.Finance, "credentials/c", "finance")]
    [InlineData(Role.Agent, "credentials/c", "agent")]
    public async Task A_menu_says_who_somebody_is_and_signs_out(Role role, string credential, string words)
    {
        await using Visit visit = await site.SignInAsync(role);
        ILocator menu = visit.Page.Locator(".me .menu");
        await Assertions.Expect(menu).ToBeHiddenAsync();

        await visit.Page.Locator("[title='Who you are']").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Enter");

        await Assertions.Expect(menu).ToContainTextAsync(credential);
        await Assertions.Expect(menu).ToContainTextAsync(words);
        await Assertions.Expect(menu.Locator("[data-test=tenant]")).ToHaveTextAsync("acme");
        await Assertions.Expect(menu).ToContainTextAsync("signed in until");
        await visit.Page.ClickAsync("[title='Sign out']");
        await visit.Page.WaitForURLAsync("**/sign-in?why=out");
    }

    [Fact]
    public async Task An_auditors_menu_says_when_the_credential_expires()
    {
        DateTime end = TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(2);
        CreateCredentialResponse made = await site.Client.CallAsync(
            site.Client.Identities.CreateCredentialAsync,
            new CreateCredentialRequest
            {
                Principal = "visitor",
                Role = Role.Auditor,
                ExpireTime = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTime(end),
            },
            CancellationToken.None);
        await using Visit visit = await site.VisitAsync();
        await visit.SignInAsync(made.Secret);

        await visit.Page.ClickAsync("[title='Who you are']");

        await Assertions.Expect(visit.Page.Locator(".me")).ToContainTextAsync($"{end:yyyy-MM-dd HH:mm} UTC");
    }
}
