using System.Collections.Concurrent;
using System.Diagnostics;
using AgentBudget.Gateway.Tests.Support;

namespace AgentBudget.Gateway.Tests;

[Collection(SharedGatewayCollection.Name)]
public sealed class TraceTests(SharedGateway shared)
{
    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public async Task A_call_is_one_span_without_its_prompt_and_its_key()
    {
        ConcurrentQueue<Activity> ended = [];
        using ActivityListener listener = new()
        {
            ShouldListenTo = source => source.Name == "AgentBudget.Gateway",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(
            """{"model":"m-1","content":[{"text":"an answer"}],"usage":{"input_tokens":7,"output_tokens":5}}""");

        using HttpResponseMessage response = await _gateway.MessagesAsync(
            token, """{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a prompt"}]}""");
        await _gateway.SettledAsync(token);
        long start = Stopwatch.GetTimestamp();
        while (!ended.Any(IsOwn) && Stopwatch.GetElapsedTime(start) < TestGateway.Patience) await Task.Delay(10);

        Activity span = Assert.Single(ended, one => IsOwn(one));
        Dictionary<string, string> tags = span.TagObjects.ToDictionary(tag => tag.Key, tag => $"{tag.Value}");
        Assert.Equal(
            ("anthropic.messages", "fake-anthropic", "m", "m-1", "7", "200"),
            (tags["gen_ai.operation.name"], tags["gen_ai.provider.name"], tags["gen_ai.request.model"],
                tags["gen_ai.response.model"], tags["gen_ai.usage.input_tokens"], tags["http.response.status_code"]));
        string all = string.Join(' ', tags.Values);
        foreach (string secret in (string[])[token, TestGateway.UpstreamKey, "a prompt", "an answer"])
            Assert.DoesNotContain(secret, all, StringComparison.Ordinal);
    }

    private static bool IsOwn(Activity span) => (string?)span.GetTagItem("gen_ai.response.model") == "m-1";
}
