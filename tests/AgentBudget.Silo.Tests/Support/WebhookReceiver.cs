using System.Net;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Tests.Support;

/// <summary>One webhook as it came.</summary>
internal sealed record Webhook(IReadOnlyDictionary<string, string> Headers, string Body)
{
    public string Id => Headers["webhook-id"];

    public JsonNode Event => JsonNode.Parse(Body)!;

    public string Type => (string)Event["type"]!;
}

/// <summary>A receiver of webhooks on this machine, which takes all or refuses all.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly Channel<Webhook> _received = Channel.CreateUnbounded<Webhook>();
    private readonly WebApplication _app;
    private int _status = StatusCodes.Status204NoContent;

    private WebhookReceiver(WebApplication app) => _app = app;

    public string Url => _app.Urls.Single() + "/hook";

    /// <summary>How it answers.</summary>
    public int Status
    {
        get => Volatile.Read(ref _status);
        set => Volatile.Write(ref _status, value);
    }

    public static async Task<WebhookReceiver> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(server => server.Listen(IPAddress.Loopback, 0));
        WebApplication app = builder.Build();
        WebhookReceiver receiver = new(app);
        app.Run(receiver.TakeAsync);
        await app.StartAsync();
        return receiver;
    }

    public async Task<Webhook> NextAsync() =>
        await _received.Reader.ReadAsync().AsTask().WaitAsync(TestSilo.Patience);

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task TakeAsync(HttpContext http)
    {
        using StreamReader body = new(http.Request.Body);
        Webhook webhook = new(
            http.Request.Headers.ToDictionary(
                header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            await body.ReadToEndAsync());
        http.Response.StatusCode = Status;
        await _received.Writer.WriteAsync(webhook);
    }
}
