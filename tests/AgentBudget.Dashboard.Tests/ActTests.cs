using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests;

[Collection(Pages.Name)]
public sealed class ActTests(Site site)
{
    [Fact]
    public async Task The_kill_switch_stops_a_session()
    {
        OpenSessionResponse opened = await site.OpenAsync();
        await using Visit visit = await site.SignInAsync();
        await visit.GoAsync("sessions?state=open");
        Assert.Equal(Decision.Allow, (await site.SpendAsync(opened.SessionToken, 10)).Decision);

        await visit.Page.ClickAsync($"[aria-label='Revoke {opened.Session.Session_}']");
        await visit.Page.FillAsync("#act-reason", "it ran away");
        await visit.Page.ClickAsync(".dialog button.danger");
        await visit.Page.Locator(".dialog").WaitForAsync(new LocatorWaitForOptions
        {
            State = WaitForSelectorState.Detached,
        });

        ReserveTokensResponse refused = await site.ReserveAsync(opened.SessionToken, 10);
        Assert.Equal(Reason.SessionRevoked, refused.Denial.Reason);
        await visit.GoAsync("audit");
        await visit.SeeAsync("it ran away");
    }

    [Fact]
    public async Task A_session_is_suspended_and_resumed()
    {
        OpenSessionResponse opened = await site.OpenAsync();
        await using Visit visit = await site.SignInAsync(Role.Owner);
        await visit.GoAsync(opened.Session.Session_);

        await ActAsync(visit, "Suspend", "look at it");
        await visit.SeeAsync("suspended: look at it");
        Assert.Equal(
            Reason.SessionSuspended, (await site.ReserveAsync(opened.SessionToken, 10)).Denial.Reason);
        await ActAsync(visit, "Resume", "it is fine");
        await Assertions.Expect(visit.Page.Locator(".tools .tag")).ToHaveTextAsync("open");
        Assert.Equal(Decision.Allow, (await site.ReserveAsync(opened.SessionToken, 10)).Decision);
    }

    [Fact]
    public async Task Finance_extends_a_budget_that_refuses()
    {
        OpenSessionResponse opened = await site.OpenAsync("tight");
        await site.SpendAsync(opened.SessionToken, 900_000);
        Assert.Equal(Reason.UseCaseBudget, (await site.SpendAsync(opened.SessionToken, 500_000)).Denial.Reason);
        await using Visit visit = await site.SignInAsync(Role.Finance);
        await visit.GoAsync("budgets?account=useCases/tight");

        await visit.Page.ClickAsync("tr.chosen td.do button");
        await visit.Page.FillAsync("#act-reason", "quarter end");
        await visit.Page.ClickAsync(".dialog button.primary");
        await visit.SeeAsync("Say how much to add");
        await visit.Page.FillAsync("#more", "2.50");
        await visit.Page.ClickAsync(".dialog button.primary");

        await Assertions.Expect(visit.Page.Locator("tr.chosen")).ToContainTextAsync("3.50");
        Assert.Equal(Decision.Allow, (await site.SpendAsync(opened.SessionToken, 500_000)).Decision);
    }

    [Fact]
    public async Task A_request_for_more_comes_in_live_and_finance_approves_half_of_it()
    {
        OpenSessionResponse opened = await site.OpenAsync("scarce");
        await site.SpendAsync(opened.SessionToken, 900_000);
        Denial denial = (await site.SpendAsync(opened.SessionToken, 500_000)).Denial;
        await using Visit visit = await site.SignInAsync(Role.Finance);
        await visit.GoAsync("approvals");

        RequestExtensionResponse asked = await site.Client.CallAsync(
            site.Client.Approvals.RequestExtensionAsync,
            new RequestExtensionRequest
            {
                SessionToken = opened.SessionToken,
                Grain = denial.Grain,
                Amount = new Money { Units = 3 },
                Reason = "quotes are due",
            },
            CancellationToken.None);
        await visit.SeeAsync("quotes are due");
        await visit.Page.ClickAsync($"[aria-label='Approve {asked.ExtensionRequest.ExtensionRequest_}']");
        await visit.Page.FillAsync("#granted", "1.50");
        await visit.Page.FillAsync("#act-reason", "half of it");
        await visit.Page.ClickAsync(".dialog button.primary");

        await visit.SeeAsync("half of it");
        Assert.Equal(Decision.Allow, (await site.SpendAsync(opened.SessionToken, 500_000)).Decision);
        Assert.Equal(
            Reason.UseCaseBudget, (await site.SpendAsync(opened.SessionToken, 1_500_000)).Denial.Reason);
    }

    [Fact]
    public async Task A_page_that_no_longer_may_says_so()
    {
        CreateCredentialResponse made = await site.Client.CallAsync(
            site.Client.Identities.CreateCredentialAsync,
            new CreateCredentialRequest { Principal = "leaver", Role = Role.Auditor },
            CancellationToken.None);
        await using Visit visit = await site.VisitAsync();
        await visit.SignInAsync(made.Secret);
        await site.Client.CallAsync(
            site.Client.Identities.RevokeCredentialAsync,
            new RevokeCredentialRequest { Credential = made.Credential.Credential_, Reason = "left" },
            CancellationToken.None);

        await visit.GoAsync("audit");

        await visit.SeeAsync("You are signed out");
        Assert.Equal(1, await visit.Page.Locator(".fault a[href='sign-in']").CountAsync());
    }

    [Fact]
    public async Task Everything_is_done_without_a_mouse()
    {
        OpenSessionResponse opened = await site.OpenAsync();
        await using Visit visit = await site.SignInAsync();
        await visit.GoAsync("");
        await visit.Page.Keyboard.PressAsync("g");
        await visit.Page.Keyboard.PressAsync("s");
        await visit.Page.WaitForURLAsync("**/sessions");
        await visit.ReadyAsync();
        await visit.Page.Keyboard.PressAsync("/");
        await visit.Page.Keyboard.TypeAsync(opened.Session.Session_);
        await Assertions.Expect(visit.Page.Locator("tbody tr")).ToHaveCountAsync(1);

        await visit.Page.Locator($"[aria-label='Suspend {opened.Session.Session_}']").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Enter");
        await visit.Page.WaitForSelectorAsync("#act-reason:focus");
        await visit.Page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(visit.Page.Locator(".dialog")).ToHaveCountAsync(0);
        await visit.Page.Locator($"[aria-label='Suspend {opened.Session.Session_}']").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Enter");
        await visit.Page.WaitForSelectorAsync("#act-reason:focus");
        await visit.Page.Keyboard.TypeAsync("by hand");
        await visit.Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(visit.Page.Locator("tbody .tag")).ToHaveTextAsync("suspended");
        await visit.Page.EvaluateAsync("() => document.activeElement.blur()");
        await visit.Page.Keyboard.PressAsync("t");
        Assert.Equal("dark", await visit.Page.EvaluateAsync<string>("() => document.documentElement.dataset.theme"));
    }

    private static async Task ActAsync(Visit visit, string verb, string reason)
    {
        await visit.Page.ClickAsync($".tools button:has-text('{verb}')");
        await visit.Page.FillAsync("#act-reason", reason);
        await visit.Page.ClickAsync(".dialog .buttons button:last-child");
    }
}
