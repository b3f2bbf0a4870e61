using System.Net;
using AgentBudget.Dashboard.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests;

/// <summary>Where notices go: made, tried, paused and deleted on a page, over a real receiver.</summary>
[Collection(Pages.Name)]
public sealed class NoticePageTests(Site site)
{
    [Fact]
    public async Task An_endpoint_is_made_refuses_is_tried_again_paused_and_deleted()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        receiver.Status = StatusCodes.Status500InternalServerError;
        await using Visit visit = await site.SignInAsync(Role.Finance);
        await visit.GoAsync("notifications");
        string id = await MakeAsync(visit, receiver.Url);
        ILocator endpoint = RowOf(visit, "Where notices go", id);
        await Assertions.Expect(endpoint).ToContainTextAsync("budget tier reached");

        await visit.Page.ClickAsync($"[aria-label='Test {id}']");
        ILocator delivery = RowOf(visit, "Deliveries, the newest first", id);
        await Assertions.Expect(delivery).ToContainTextAsync("answered 500");
        await Assertions.Expect(delivery.Locator(".tag")).ToHaveTextAsync("waiting");
        await visit.GoAsync($"notifications?state=delivered&endpoint={id}");
        await visit.SeeAsync("No notice stands so now");
        await visit.GoAsync("notifications");
        receiver.Status = StatusCodes.Status204NoContent;
        await delivery.Locator("button").ClickAsync();
        await Assertions.Expect(delivery.Locator(".tag")).ToHaveTextAsync("delivered");

        await ActAsync(visit, $"Pause {id}", "nobody there");
        await Assertions.Expect(endpoint.Locator(".tag")).ToHaveTextAsync("paused");
        await Assertions.Expect(endpoint).ToContainTextAsync("budget tier reached"); // Its filter stays.
        await ActAsync(visit, $"Resume {id}", "back again");
        await Assertions.Expect(endpoint.Locator(".tag")).ToHaveTextAsync("on");
        await ActAsync(visit, $"New secret of {id}", "it leaked");
        await Assertions.Expect(visit.Page.Locator("[data-test=secret]")).ToContainTextAsync("whsec_");
        await ActAsync(visit, $"Delete {id}", "left");
        await Assertions.Expect(endpoint).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task An_address_that_cannot_be_is_refused_with_what_is_wrong()
    {
        await using Visit visit = await site.SignInAsync(Role.Finance);
        await visit.GoAsync("notifications");
        await visit.Page.ClickAsync("text=Tell somebody");
        await visit.Page.FillAsync("#endpoint-url", "javascript:alert(1)");
        await visit.Page.ClickAsync(".dialog button.primary");

        await Assertions.Expect(visit.Page.Locator(".dialog [role=alert]")).ToContainTextAsync("url");
        await visit.Page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(visit.Page.Locator(".dialog")).ToHaveCountAsync(0);
    }

    [Theory]
    [InlineData(ColorScheme.Light, Look.Wide)]
    [InlineData(ColorScheme.Dark, Look.Wide)]
    [InlineData(ColorScheme.Light, Look.Narrow)]
    [InlineData(ColorScheme.Dark, Look.Narrow)]
    public async Task What_was_sent_is_fit_to_look_at_and_an_auditor_changes_nothing(ColorScheme theme, int width)
    {
        await using Receiver receiver = await Receiver.StartAsync();
        string[] names = new string[2];
        for (int made = 0; made < names.Length; made++)
        {
            CreateEndpointResponse endpoint = await site.Client.CallAsync(
                site.Client.Notifications.CreateEndpointAsync,
                new CreateEndpointRequest
                {
                    Kind = made == 0 ? EndpointKind.Webhook : EndpointKind.Slack,
                    Url = receiver.Url,
                    Filter = new NoticeFilter { Kinds = { NoticeKind.BudgetExhausted } },
                },
                CancellationToken.None);
            names[made] = endpoint.Endpoint.Endpoint;
            await site.Client.CallAsync(
                site.Client.Notifications.SendTestNoticeAsync,
                new SendTestNoticeRequest { Endpoint = names[made] },
                CancellationToken.None);
            receiver.Status = StatusCodes.Status503ServiceUnavailable;
        }

        await using Visit visit = await site.SignInAsync(Role.Auditor, theme, width, Look.HeightOf(width));
        await visit.GoAsync("notifications");
        await visit.SeeAsync("answered 503");
        Assert.Equal(0, await visit.Page.Locator("main button").CountAsync());
        await using Visit admin = await site.SignInAsync(Role.Admin, theme, width, Look.HeightOf(width));
        await admin.GoAsync("notifications");
        await admin.SeeAsync("answered 503");
        await Look.AtAsync(admin, "notifications-used", theme, width, isWhole: true);
        await admin.Page.ClickAsync("text=Tell somebody");
        await Look.AtAsync(admin, "notifications-new", theme, width);
        foreach (string name in names)
        {
            await site.Client.CallAsync(
                site.Client.Notifications.DeleteEndpointAsync,
                new DeleteEndpointRequest { Endpoint = name, Reason = "seen" },
                CancellationToken.None);
        }
    }

    private static async Task<string> MakeAsync(Visit visit, string url)
    {
        await visit.Page.ClickAsync("text=Tell somebody");
        await visit.Page.FillAsync("#endpoint-url", url);
        await visit.Page.SelectOptionAsync("#endpoint-notices", "budgets");
        await visit.Page.ClickAsync(".dialog button.primary");
        await Assertions.Expect(visit.Page.Locator("[data-test=secret]")).ToContainTextAsync("whsec_");
        await visit.Page.ClickAsync("text=I have it");
        await Assertions.Expect(visit.Page.Locator("[data-test=secret]")).ToHaveCountAsync(0);
        return (await visit.Page.Locator("[aria-label='Where notices go'] tbody tr").First.Locator("td").First
            .InnerTextAsync()).Trim();
    }

    private static async Task ActAsync(Visit visit, string act, string reason)
    {
        await visit.Page.ClickAsync($"[aria-label='{act}']");
        await visit.Page.FillAsync("#act-reason", reason);
        await visit.Page.ClickAsync(".dialog .buttons button:last-child");
    }

    private static ILocator RowOf(Visit visit, string table, string id) => visit.Page
        .Locator($"[aria-label='{table}'] tbody tr")
        .Filter(new LocatorFilterOptions { Has = visit.Page.GetByText(id, new PageGetByTextOptions { Exact = true }) });

    /// <summary>Takes notices on this machine, or refuses them.</summary>
    private sealed class Receiver : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private int _status = StatusCodes.Status204NoContent;

        private Receiver(WebApplication app) => _app = app;

        public string Url => _app.Urls.Single() + "/hook";

        public int Status
        {
            set => Volatile.Write(ref _status, value);
        }

        public static async Task<Receiver> StartAsync()
        {
            WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(server => server.Listen(IPAddress.Loopback, 0));
            WebApplication app = builder.Build();
            Receiver receiver = new(app);
            app.Run(http =>
            {
                http.Response.StatusCode = Volatile.Read(ref receiver._status);
                return Task.CompletedTask;
            });
            await app.StartAsync();
            return receiver;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
