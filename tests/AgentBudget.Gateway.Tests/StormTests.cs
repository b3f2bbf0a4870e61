using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Tests;

/// <summary>
/// Streams by the hundred, whose callers leave and whose upstreams fail as the seed says. <c>eng/storm.sh</c> runs a
/// thousand at once, while the silo restarts.
/// </summary>
public sealed class StormTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int StreamsByDefault = 100;
    private const int Sessions = 10;
    private const int InputTokens = 7;

    private readonly int _seed = NumberOf("AGENTBUDGET_STORM_SEED", Environment.TickCount & 0xffff);
    private readonly int _streams = NumberOf("AGENTBUDGET_STORM_STREAMS", StreamsByDefault);
    private readonly int _restarts = NumberOf("AGENTBUDGET_STORM_RESTARTS", 0);
    private readonly ConcurrentDictionary<int, TaskCompletionSource> _read = new();
    private readonly ConcurrentDictionary<string, int> _endings = new();
    private TestGateway _gateway = null!;
    private long _billed;

    private enum Ending
    {
        Whole,
        Left,
        Broken,
        EndedEarly,
        Refused,
        FailedAtOnce,
    }

    public async ValueTask InitializeAsync()
    {
        _gateway = await TestGateway.StartAsync();
        _gateway.Upstream.Answer = ServeAsync;
    }

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    [Fact]
    public async Task What_the_upstreams_billed_is_what_was_settled_to_the_token()
    {
        output.WriteLine($"AGENTBUDGET_STORM_SEED={_seed}, {_streams} streams, {_restarts} restarts");
        string[] tokens = await Task.WhenAll(Enumerable.Range(0, Sessions).Select(_ => _gateway.OpenAsync()));
        Random random = new(_seed);
        Plan[] plans = [.. Enumerable.Range(0, _streams).Select(id => Plan.Of(id, random))];
        foreach (Plan plan in plans) _read[plan.Id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        long start = Stopwatch.GetTimestamp();

        Task[] calls = [.. plans.Select(plan => CallAsync(plan, tokens[plan.Id % Sessions]))];
        for (int restart = 0; restart < _restarts; restart++)
        {
            await Task.WhenAny(Task.WhenAll(calls), Task.Delay(TimeSpan.FromSeconds(2)));
            Assert.Equal(0, await _gateway.Silo.StopAsync());
            await _gateway.Silo.StartAsync();
        }

        await Task.WhenAll(calls);
        long settled = 0;
        foreach (string token in tokens) settled += await _gateway.SettledAsync(token);

        output.WriteLine(
            $"{Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s, {_billed} tokens billed, peak working set "
            + $"{Process.GetCurrentProcess().PeakWorkingSet64 / 1_048_576} MiB");
        foreach ((string ending, int count) in _endings.OrderBy(one => one.Key))
            output.WriteLine($"{count,5} {ending}");
        Assert.Equal(Volatile.Read(ref _billed), settled);
        Assert.Equal(0, _gateway.Host.HeldBytes);
    }

    private static int NumberOf(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : otherwise;

    // One call, sent again while the budget cannot be asked; an upstream sees it once at most.
    private async Task CallAsync(Plan plan, string token)
    {
        for (int tries = 0; ; tries++)
        {
            using HttpResponseMessage response = await _gateway.PostAsync(
                plan.Path, token, plan.Body, completion: HttpCompletionOption.ResponseHeadersRead);
            if (response.StatusCode == HttpStatusCode.ServiceUnavailable && tries < 200)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200));
                continue;
            }

            string saw = await ReadAsync(plan, response);
            _endings.AddOrUpdate($"{plan.Ending}, {plan.Dialect}: {saw}", 1, (_, count) => count + 1);
            return;
        }
    }

    private async Task<string> ReadAsync(Plan plan, HttpResponseMessage response)
    {
        if (response.StatusCode != HttpStatusCode.OK) return $"{(int)response.StatusCode}";
        StringBuilder text = new();
        byte[] buffer = new byte[1024];
        try
        {
            await using Stream body = await response.Content.ReadAsStreamAsync();
            int bytes;
            while ((bytes = await body.ReadAsync(buffer)) > 0)
            {
                text.Append(Encoding.UTF8.GetString(buffer, 0, bytes));
                if (Count(text.ToString(), "abcd") < plan.Pieces) continue;
                _read[plan.Id].TrySetResult();
                if (plan.Ending == Ending.Left) return "left";
            }

            return "ended";
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException)
        {
            return "aborted";
        }
    }

    private static int Count(string text, string piece) => text.Split(piece).Length - 1;

    private async Task ServeAsync(HttpContext http, UpstreamCall call)
    {
        var plan = Plan.From(call.Body["x"]!);
        string[] pieces = plan.EventsOf();
        switch (plan.Ending)
        {
            case Ending.Refused:
                await FakeUpstream.Json("""{"type":"error","error":{"type":"overloaded_error"}}""", 529)(http, call);
                return;
            case Ending.FailedAtOnce:
                await FakeUpstream.Events("data: {\"type\":\"error\",\"error\":{\"code\":500}}\n\n")(http, call);
                return;
            case Ending.Whole:
                Interlocked.Add(ref _billed, InputTokens + plan.Pieces);
                await FakeUpstream.Events([.. pieces, plan.Last])(http, call);
                return;
            case Ending.EndedEarly:
                Interlocked.Add(ref _billed, InputTokens + plan.Pieces);
                await FakeUpstream.Events(pieces)(http, call);
                return;
            case Ending.Broken:
                Interlocked.Add(ref _billed, InputTokens + plan.Pieces);
                await FakeUpstream.BrokenEvents(_read[plan.Id].Task, pieces)(http, call);
                return;
            case Ending.Left when plan.Dialect == "gemini":
                Interlocked.Add(ref _billed, InputTokens + plan.Pieces + 5);
                await FakeUpstream.Events(pieces)(http, call);
                await _read[plan.Id].Task;
                await http.Response.WriteAsync(plan.LastOf(plan.Pieces + 5)); // It works on, and bills it all.
                return;
            case Ending.Left:
                Interlocked.Add(ref _billed, InputTokens + plan.Pieces);
                await FakeUpstream.EndlessEvents(new TaskCompletionSource(), pieces)(http, call);
                return;
        }
    }

    /// <summary>How one call goes, which travels in its body.</summary>
    private sealed record Plan(int Id, string Dialect, Ending Ending, int Pieces)
    {
        public string Path => Dialect == "gemini"
            ? "v1beta/models/m:streamGenerateContent?alt=sse"
            : "v1/messages";

        public string Body => Dialect == "gemini"
            ? $$"""{"contents":[],"generationConfig":{"maxOutputTokens":99},"x":{{Json}}}"""
            : $$"""{"model":"m","max_tokens":99,"stream":true,"messages":[],"x":{{Json}}}""";

        public string Last => LastOf(Pieces);

        private string Json => new JsonObject
        {
            ["id"] = Id,
            ["dialect"] = Dialect,
            ["ending"] = Ending.ToString(),
            ["pieces"] = Pieces,
        }.ToJsonString();

        public static Plan Of(int id, Random random) => new(
            id,
            random.Next(2) == 0 ? "gemini" : "messages",
            (Ending)random.Next(6),
            random.Next(1, 40));

        public static Plan From(JsonNode json) => new(
            (int)json["id"]!,
            (string)json["dialect"]!,
            Enum.Parse<Ending>((string)json["ending"]!),
            (int)json["pieces"]!);

        public string[] EventsOf() => Dialect == "gemini"
            ? [.. Enumerable.Range(1, Pieces).Select(piece => Gemini("abcd", "", piece))]
            :
            [
                "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":"
                    + $"{InputTokens},\"output_tokens\":1}}}}}}\n\n",
                .. Enumerable.Repeat(
                    """data: {"type":"content_block_delta","delta":{"text":"abcd"}}""" + "\n\n", Pieces),
            ];

        public string LastOf(int tokens) => Dialect == "gemini"
            ? Gemini("", ",\"finishReason\":\"STOP\"", tokens)
            : $$$"""data: {"type":"message_delta","usage":{"output_tokens":{{{tokens}}}}}""" + "\n\n"
                + "data: {\"type\":\"message_stop\"}\n\n";

        private static string Gemini(string text, string more, int tokens) =>
            $$$"""data: {"candidates":[{"content":{"parts":[{"text":"{{{text}}}"}]}{{{more}}}}],"usageMetadata":"""
            + $$$"""{"promptTokenCount":{{{InputTokens}}},"candidatesTokenCount":{{{tokens}}},"""
            + $"\"totalTokenCount\":{InputTokens + tokens}}}}}\n\n";
    }
}
