using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Gateway.Tests.Support;

/// <summary>A call that arrived at a fake upstream.</summary>
internal sealed record UpstreamCall(
    string Path, string Query, IReadOnlyDictionary<string, string> Headers, string Text, string RawPath)
{
    public JsonNode Body => JsonNode.Parse(Text)!;

    public string Header(string name) => Headers.GetValueOrDefault(name, "");
}

/// <summary>An upstream that answers what a test tells it, over a real connection.</summary>
internal sealed class FakeUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeUpstream(WebApplication app) => _app = app;

    public string Address { get; private set; } = "";

    public ConcurrentQueue<UpstreamCall> Calls { get; } = [];

    /// <summary>Answers a call.</summary>
    public Func<HttpContext, UpstreamCall, Task> Answer { get; set; } = (_, _) => Task.CompletedTask;

    public static async Task<FakeUpstream> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(
            kestrel => kestrel.Limits.MaxRequestBodySize = 64 * 1024 * 1024);
        WebApplication app = builder.Build();
        FakeUpstream upstream = new(app);
        app.Run(upstream.ServeAsync);
        await app.StartAsync();
        upstream.Address = app.Urls.Single();
        return upstream;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>Answers one JSON.</summary>
    public static Func<HttpContext, UpstreamCall, Task> Json(string json, int status = 200) => async (http, _) =>
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        await http.Response.WriteAsync(json);
    };

    /// <summary>Answers a stream of events, each as it stands, and ends it.</summary>
    public static Func<HttpContext, UpstreamCall, Task> Events(params string[] events) => async (http, _) =>
    {
        http.Response.ContentType = "text/event-stream";
        foreach (string one in events)
        {
            await http.Response.WriteAsync(one);
            await http.Response.Body.FlushAsync();
        }
    };

    /// <summary>Answers frames of AWS's event streams.</summary>
    public static Func<HttpContext, UpstreamCall, Task> Frames(byte[][] frames) => async (http, _) =>
    {
        http.Response.ContentType = "application/vnd.amazon.eventstream";
        foreach (byte[] frame in frames)
        {
            // In two pieces, because nothing says that a frame arrives whole.
            await http.Response.Body.WriteAsync(frame.AsMemory(0, 5));
            await http.Response.Body.FlushAsync();
            await http.Response.Body.WriteAsync(frame.AsMemory(5));
            await http.Response.Body.FlushAsync();
        }
    };

    /// <summary>Answers a stream of events and, when told, tears the connection down in its middle.</summary>
    public static Func<HttpContext, UpstreamCall, Task> BrokenEvents(Task when, params string[] events) =>
        async (http, call) =>
        {
            await Events(events)(http, call);
            await when;
            http.Abort();
        };

    /// <summary>Answers a stream of events and then says no more until the caller leaves.</summary>
    public static Func<HttpContext, UpstreamCall, Task> EndlessEvents(
        TaskCompletionSource left, params string[] events) => async (http, call) =>
    {
        await Events(events)(http, call);
        try
        {
            await Task.Delay(Timeout.Infinite, http.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            left.TrySetResult();
        }
    };

    private async Task ServeAsync(HttpContext http)
    {
        using StreamReader reader = new(http.Request.Body);
        string text = await reader.ReadToEndAsync();
        Dictionary<string, string> headers = new(
            http.Request.Headers.Select(header => KeyValuePair.Create(header.Key, header.Value.ToString())),
            StringComparer.OrdinalIgnoreCase);
        UpstreamCall call = new(
            http.Request.Path,
            http.Request.QueryString.Value ?? "",
            headers,
            text,
            http.Features.Get<IHttpRequestFeature>()!.RawTarget);
        Calls.Enqueue(call);
        await Answer(http, call);
    }
}
