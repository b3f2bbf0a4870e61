using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Notifications.Tests.Support;

/// <summary>What a receiver was sent.</summary>
internal sealed record Received(IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Id => Headers.GetValueOrDefault("webhook-id", "");
}

/// <summary>A receiver of webhooks, over a real port of this machine.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(100);

    private readonly Channel<Received> _received = Channel.CreateUnbounded<Received>();
    private readonly WebApplication _app;

    private Receiver(WebApplication app) => _app = app;

    /// <summary>How it answers; with 204 unless a test says something else.</summary>
    public Func<HttpContext, Received, Task> Answer { get; set; } = (http, _) =>
    {
        http.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    };

    public string Url { get; private set; } = "";

    public int Count { get; private set; }

    public static async Task<Receiver> StartAsync(int port = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(server => server.Listen(IPAddress.Loopback, port));
        WebApplication app = builder.Build();
        Receiver receiver = new(app);
        app.Run(receiver.TakeAsync);
        await app.StartAsync();
        receiver.Url = app.Urls.Single() + "/hook";
        return receiver;
    }

    /// <summary>Answers with a status.</summary>
    public void AnswerWith(int status, Action<HttpContext>? more = null) => Answer = (http, _) =>
    {
        http.Response.StatusCode = status;
        more?.Invoke(http);
        return Task.CompletedTask;
    };

    /// <summary>The next that arrives.</summary>
    public async Task<Received> NextAsync() =>
        await _received.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    /// <summary>
    /// The next that arrives, where the clock is turned by a step whenever it is quiet: what is under way is not to be
    /// taken for late.
    /// </summary>
    public async Task<Received> NextAsync(Desk desk, TimeSpan step)
    {
        using CancellationTokenSource patience = new(Patience);
        while (true)
        {
            using CancellationTokenSource quiet = CancellationTokenSource.CreateLinkedTokenSource(patience.Token);
            quiet.CancelAfter(Quiet);
            try
            {
                return await _received.Reader.ReadAsync(quiet.Token);
            }
            catch (OperationCanceledException) when (!patience.IsCancellationRequested)
            {
                desk.Turn(step);
            }
        }
    }

    public async Task<List<Received>> NextAsync(int count)
    {
        List<Received> all = [];
        while (all.Count < count) all.Add(await NextAsync());
        return all;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task TakeAsync(HttpContext http)
    {
        using MemoryStream body = new();
        await http.Request.Body.CopyToAsync(body);
        Received received = new(
            http.Request.Headers.ToDictionary(
                header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            body.ToArray());
        Count++;
        await Answer(http, received);
        await _received.Writer.WriteAsync(received);
    }
}
