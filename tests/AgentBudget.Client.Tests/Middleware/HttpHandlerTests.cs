using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Client.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Client.Tests.Middleware;

[Collection(SharedBudgetCollection.Name)]
public sealed class HttpHandlerTests(SharedBudget shared) : IAsyncLifetime
{
    private const string Json = "application/json";
    private const string Events = "text/event-stream";

    private readonly TestBudget _budget = shared.Budget;
    private FakeProvider _provider = null!;
    private HttpClient _http = null!;
    private string _token = "";

    public async ValueTask InitializeAsync()
    {
        _provider = await FakeProvider.StartAsync();
        _token = await _budget.OpenAsync();
        _http = ClientOf(_token);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _provider.DisposeAsync();
    }

    public static TheoryData<string, string, string> Reports => new()
    {
        {
            "/v1/chat/completions",
            """{"model":"m","max_tokens":50}""",
            """{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":9,"total_tokens":20}}"""
        },
        {
            "/v1/responses",
            """{"model":"m","max_output_tokens":50}""",
            """{"output":[],"usage":{"input_tokens":12,"output_tokens":8,"total_tokens":20}}"""
        },
        {
            "/v1/embeddings",
            """{"model":"m","input":"text"}""",
            """{"data":[],"usage":{"prompt_tokens":20,"total_tokens":20}}"""
        },
        {
            "/v1/messages",
            """{"model":"m","max_tokens":50}""",
            """{"content":[],"usage":{"input_tokens":13,"output_tokens":7}}"""
        },
        {
            "/v1beta/models/m:generateContent",
            """{"contents":[],"generationConfig":{"maxOutputTokens":50}}""",
            """{"usageMetadata":{"promptTokenCount":14,"candidatesTokenCount":6,"totalTokenCount":20}}"""
        },
    };

    [Theory]
    [MemberData(nameof(Reports))]
    public async Task An_answer_is_settled_as_its_provider_reports_it(string path, string request, string answer)
    {
        _provider.Answer = (200, Json, [answer]);

        string body = await PostAsync(path, request);

        Assert.Equal(answer, body);
        Assert.Equal((0, 20), await _budget.TokensOfAsync(_token));
        Assert.Equal(JsonNode.Parse(request)!.ToJsonString(), Assert.Single(_provider.Calls).Body.ToJsonString());
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"model":"m","max_tokens":50,"stream":true,"stream_options":{"include_usage":true}}""", "data: {\"choices\":[{\"delta\":{}}],\"usage\":null}\n\n|data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":9}}\n\n|data: [DONE]\n\n")]
    [InlineData("/v1/responses", """{"model":"m","max_output_tokens":50,"stream":true}""", "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"usage\":null}}\n\n|event: response.completed\r\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":12,\"output_tokens\":8}}}\r\n\r\n")]
    [InlineData("/v1/messages", """{"model":"m","max_tokens":50,"stream":true}""", "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":13,\"output_tokens\":1}}}\n\n|event: ping\ndata: {}\n\n|event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}\n\n")]
    [InlineData("/v1beta/models/m:streamGenerateContent", """{"generationConfig":{"maxOutputTokens":50}}""", "data: {\"usageMetadata\":{\"promptTokenCount\":14,\"totalTokenCount\":14}}\n\n|data: {\"usageMetadata\":{\"promptTokenCount\":14,\"candidatesTokenCount\":6,\"totalTokenCount\":20}}\n\n")]
    public async Task A_stream_passes_unchanged_and_is_settled_at_its_end(string path, string request, string parts)
    {
        _provider.Answer = (200, Events, parts.Split('|'));

        string body = await PostAsync(path, request);

        Assert.Equal(string.Concat(_provider.Answer.Parts), body);
        Assert.Equal((0, 20), await _budget.TokensOfAsync(_token));
    }

    [Fact]
    public async Task Usage_that_only_the_handler_asked_for_does_not_reach_the_caller()
    {
        const string chunk = "data: {\"choices\":[{\"delta\":{}}]}\n\n";
        const string end = "data: [DONE]\n\n";
        const string usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":9}}\n\n";
        _provider.Answer = (200, Events, [chunk, usage, end]);

        string body = await PostAsync("/v1/chat/completions", """{"model":"m","max_tokens":50,"stream":true}""");

        Assert.Equal(chunk + end, body);
        Assert.Equal((0, 20), await _budget.TokensOfAsync(_token));
        Assert.True((bool)Assert.Single(_provider.Calls).Body["stream_options"]!["include_usage"]!);
    }

    [Fact]
    public async Task An_event_is_passed_on_as_soon_as_it_is_there()
    {
        TaskCompletionSource isRead = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _provider.BetweenParts = () => isRead.Task;
        _provider.Answer = (200, Events, ["data: {\"first\":1}\n\n", "data: {\"second\":2}\n\n"]);
        using HttpRequestMessage request = RequestOf("/v1/messages", """{"model":"m","max_tokens":50,"stream":true}""");

        using HttpResponseMessage response =
            await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using StreamReader reader = new(await response.Content.ReadAsStreamAsync());
        string? first = await reader.ReadLineAsync().WaitAsync(TestBudget.Patience);
        isRead.SetResult();

        Assert.Equal("data: {\"first\":1}", first);
        Assert.Contains("second", await reader.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_that_the_caller_leaves_is_settled_with_an_estimate_that_is_never_nothing()
    {
        TaskCompletionSource never = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _provider.BetweenParts = () => never.Task;
        _provider.Answer = (200, Events, [$"data: {{\"text\":\"{new string('x', 380)}\"}}\n\n", "data: {}\n\n"]);
        using HttpRequestMessage request = RequestOf("/v1/messages", """{"model":"m","max_tokens":5000}""");

        HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await (await response.Content.ReadAsStreamAsync()).ReadExactlyAsync(new byte[10]);
        response.Dispose();

        await TestWait.UntilAsync(() => _budget.Client.PendingCalls == 0, "the settlement");
        (long held, long settled) = await _budget.TokensOfAsync(_token);
        Assert.Equal(0, held);
        Assert.InRange(settled, 100, 200);
        never.SetResult();
    }

    [Fact]
    public async Task A_failed_call_is_released()
    {
        _provider.Answer = (503, Json, ["""{"error":{"message":"overloaded"}}"""]);

        using HttpResponseMessage refused = await _http.SendAsync(
            RequestOf("/v1/messages", """{"model":"m","max_tokens":50}"""));
        await _provider.DisposeAsync();
        await Assert.ThrowsAsync<HttpRequestException>(
            () => _http.SendAsync(RequestOf("/v1/messages", """{"model":"m","max_tokens":50}""")));

        Assert.Equal(503, (int)refused.StatusCode);
        Assert.Equal((0, 0), await _budget.TokensOfAsync(_token));
    }

    [Fact]
    public async Task A_refused_call_is_not_sent()
    {
        string token = await _budget.OpenAsync("useCases/tight");
        using HttpClient http = ClientOf(token);

        BudgetDeniedException denied = await Assert.ThrowsAsync<BudgetDeniedException>(
            () => http.SendAsync(RequestOf("/v1/messages", """{"model":"m","max_tokens":3000000}""")));

        Assert.Equal(Reason.UseCaseBudget, denied.Denial.Reason);
        Assert.Equal(denied.Denial.Message, denied.Message);
        Assert.Empty(_provider.Calls);
    }

    [Theory]
    [InlineData("/v1/messages", """{"model":"dear","max_tokens":200000}""")]
    [InlineData("/v1beta/models/dear:generateContent", """{"generationConfig":{"maxOutputTokens":200000}}""")]
    public async Task A_downgraded_call_is_sent_with_the_cheaper_model(string path, string request)
    {
        string token = await _budget.OpenAsync("useCases/tight");
        using HttpClient http = ClientOf(token);
        _provider.Answer = (200, Json, ["""{"usage":{"input_tokens":1,"output_tokens":1}}"""]);

        using HttpResponseMessage answer = await http.SendAsync(RequestOf(path, request));

        (string sentPath, JsonNode body) = Assert.Single(_provider.Calls);
        Assert.Contains("m", (string?)body["model"] ?? sentPath.Split('/', ':')[^2], StringComparison.Ordinal);
        Assert.DoesNotContain("dear", sentPath + body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_costs_nobody_knows_how_much_is_not_sent()
    {
        InvalidOperationException unknown = await Assert.ThrowsAsync<InvalidOperationException>(
            () => _http.SendAsync(RequestOf("/v1/batches", "{}")));
        InvalidOperationException broken = await Assert.ThrowsAsync<InvalidOperationException>(
            () => _http.SendAsync(RequestOf("/v1/messages", "{")));
        InvalidOperationException nameless = await Assert.ThrowsAsync<InvalidOperationException>(
            () => _http.SendAsync(RequestOf("/v1/messages", "{}")));

        Assert.Contains("AllowOther", unknown.Message, StringComparison.Ordinal);
        Assert.Contains("not JSON", broken.Message, StringComparison.Ordinal);
        Assert.Contains("BudgetHttpOptions.Model", nameless.Message, StringComparison.Ordinal);
        Assert.Empty(_provider.Calls);
    }

    private HttpClient ClientOf(string token) => new(new BudgetHttpHandler(
        _budget.Client, new BudgetHttpOptions { SessionToken = _ => token })
    {
        InnerHandler = new SocketsHttpHandler(),
    });

    private HttpRequestMessage RequestOf(string path, string body) =>
        new(HttpMethod.Post, new Uri(_provider.Address, path))
        {
            Content = new StringContent(body, Encoding.UTF8, Json),
        };

    private async Task<string> PostAsync(string path, string body)
    {
        using HttpRequestMessage request = RequestOf(path, body);
        using HttpResponseMessage response = await _http.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }
}
