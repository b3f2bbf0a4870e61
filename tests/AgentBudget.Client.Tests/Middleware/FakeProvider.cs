using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Client.Tests.Middleware;

/// <summary>A model provider that answers what a test tells it, over a real connection.</summary>
internal sealed class FakeProvider : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeProvider(WebApplication app) => _app = app;

    public Uri Address { get; private set; } = null!;

    /// <summary>Path and body of every call that arrived.</summary>
    public ConcurrentQueue<(string Path, JsonNode Body)> Calls { get; } = [];

    /// <summary>The next answers: status, media type, and the parts that are sent one after the other.</summary>
    public (int Status, string Type, string[] Parts) Answer { get; set; }

    /// <summary>Waited for before each part but the first.</summary>
    public Func<Task> BetweenParts { get; set; } = () => Task.CompletedTask;

    public static async Task<FakeProvider> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication app = builder.Build();
        FakeProvider provider = new(app);
        app.Run(provider.ServeAsync);
        await app.StartAsync();
        provider.Address = new Uri(app.Urls.Single());
        return provider;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task ServeAsync(HttpContext context)
    {
        JsonNode body = (await JsonNode.ParseAsync(context.Request.Body))!;
        Calls.Enqueue((context.Request.Path, body));
        context.Response.StatusCode = Answer.Status;
        context.Response.ContentType = Answer.Type;
        await context.Response.StartAsync();
        foreach (string part in Answer.Parts)
        {
            if (part != Answer.Parts[0]) await BetweenParts();
            await context.Response.WriteAsync(part);
            await context.Response.Body.FlushAsync();
        }
    }
}
